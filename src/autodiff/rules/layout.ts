import {
  dataTypeNumber,
  intOf,
  intsOf,
  isFloat,
  resolveSlice,
  sliceOf,
  stringOf,
  type Value,
} from '../../graph/index.ts';
import { spreadOut } from '../phases.ts';
import {
  axisOf,
  fixedDims,
  lastTwoSwapped,
  oneOpen,
  type Rule,
  refuse,
  swapsLastTwo,
  type Tape,
} from '../tape.ts';

/** Back to the shape of the input. What becomes a map again goes on in the blocked layout. */
const backToInput: Rule = (t, node, [g]) => {
  const back = t.b.reshapeLike(g!, node.inputs[0]!);
  return [t.shape(back).length === 4 ? t.blocked(back) : back];
};
export const Reshape = backToInput;
export const Flatten = backToInput;
export const Squeeze = backToInput;
export const Unsqueeze = backToInput;

/** The inverse permutation. */
export const Transpose: Rule = (t, node, [g]) => {
  const rank = t.shape(g!).length;
  const perm = intsOf(node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const inverse = perm.map((_, i) => perm.indexOf(i));
  return [(swapsLastTwo(inverse) && transposedProduct(t, g!)) || t.b.transpose(g!, inverse)];
};

/**
 * (PQ)ᵀ = QᵀPᵀ where the value is a product just written: onnxruntime multiplies by a transposed factor for nothing, but
 * a transposed result costs a pass over memory (an attention's keys).
 */
function transposedProduct(t: Tape, value: Value): Value | undefined {
  const product = t.b.producer(value);
  if (product?.op !== 'MatMul') return undefined;
  const [p, q] = product.inputs as [Value, Value];
  if (t.shape(p).length < 2 || t.shape(q).length < 2) return undefined;
  return t.b.op('MatMul', [lastTwoSwapped(t, q), lastTwoSwapped(t, p)]);
}

/** Each input gets its own part. */
export const Concat: Rule = (t, node, [g]) => {
  const rank = t.shape(g!).length;
  const axis = axisOf(node, rank, 0);
  let start = 0;
  return node.inputs.map((v, i) => {
    const size = t.shape(v)[axis];
    if (typeof size !== 'number') throw refuse(node, 'joins along a dynamic axis');
    const slice = { axis, start, end: start + size };
    start += size;
    return t.needs(node, i) ? t.b.slice(g!, [slice]) : undefined;
  });
};

/** Zeros where nothing was taken; a negative step turns the order back. */
export const Slice: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  let value = g!;
  for (const { axis, start, end, step } of sliceOf(t.context(node))) {
    const size = t.shape(x)[axis];
    if (typeof size !== 'number') {
      if (t.shape(value)[axis] === size) continue;
      throw refuse(node, 'cuts a dynamic axis');
    }
    const { start: from, count } = resolveSlice(size, start, end, step);
    if (step < 0) value = t.b.flip(value, [axis]);
    const gap = count > 1 ? Math.abs(step) : 1;
    if (gap > 1) value = spreadOut(t, value, axis, gap);
    const first = count === 0 ? 0 : step > 0 ? from : from + (count - 1) * step;
    const length = count === 0 ? 0 : (count - 1) * gap + 1;
    const rank = t.shape(x).length;
    const at = (n: number) => Array.from({ length: rank }, (_, i) => (i === axis ? n : 0));
    value = t.b.pad(value, at(first), at(size - first - length));
  }
  return [value];
};

/** Each output's gradient in its place; zeros stand for outputs that do not matter. */
export const Split: Rule = (t, node, gs) => {
  const x = node.inputs[0]!;
  const rank = t.shape(x).length;
  const axis = axisOf(node, rank, 0);
  const given = t.constant(node.inputs[1]);
  const [total] = fixedDims(node, [t.shape(x)[axis]!]) as [number];
  const equal = Math.ceil(total / (intOf(node, 'num_outputs', 0) || node.outputs.length));
  const at = (n: number) => t.shape(x).map((_, i) => (i === axis ? n : 0));
  const parts: Value[] = [];
  let [end, covered] = [0, 0];
  const sizes = node.outputs.map((_, i) =>
    given ? Number(given.data[i]) : Math.min(equal, total - i * equal),
  );
  for (const [i, size] of sizes.entries()) {
    const g = gs[i];
    if (g) {
      parts.push(t.b.pad(g, at(end - covered), at(0)));
      covered = end + size;
    }
    end += size;
  }
  const last = parts.pop()!;
  return [t.b.concat([...parts, t.b.pad(last, at(0), at(total - covered))], axis)];
};

/** Summed over the copies: `[r·d]` is `[r, d]`. How often a single element is repeated need not be known. */
export const Tile: Rule = (t, node, [g]) => {
  const shape = t.shape(node.inputs[0]!);
  const known = t.b.known(node.inputs[1]!);
  const open = shape.flatMap((_, i) => (typeof known?.[i] === 'number' ? [] : [i]));
  if (!known || open.some((i) => shape[i] !== 1))
    throw refuse(node, 'is repeated as often as is computed while running', 'fold constants');
  const repeats = shape.map((_, i) => (open.includes(i) ? 1 : Number(known[i])));
  const summed = t.sum(g!, open);
  const apart = shape.flatMap((d, i) => (repeats[i] === 1 ? [d] : [repeats[i]!, d]));
  if (apart.length === shape.length) return [summed];
  let place = 0;
  const axes = repeats.flatMap((count) => {
    const at = place;
    place += count === 1 ? 1 : 2;
    return count === 1 ? [] : [at];
  });
  return [t.sum(t.b.reshape(summed, oneOpen(node, apart)), axes, false)];
};

/** The same triangle. */
export const Trilu: Rule = (t, node, [g]) => [
  t.b.op('Trilu', [g!, ...node.inputs.slice(1)], { upper: intOf(node, 'upper', 1) }),
];

/** yᵢ = Σ over j ≤ i of xⱼ: dxⱼ = Σ over i ≥ j of gᵢ, the sum from the other end. */
export const CumSum: Rule = (t, node, [g]) => [
  t.b.op('CumSum', [g!, node.inputs[1]!], {
    exclusive: intOf(node, 'exclusive', 0),
    reverse: intOf(node, 'reverse', 0) ? 0 : 1,
  }),
];

/** Summed over what it was repeated along. */
export const Expand: Rule = (t, node, [g]) => [t.unbroadcast(g!, node.inputs[0]!)];

/** Each other's inverse, in the same mode. */
export const DepthToSpace: Rule = (t, node, [g]) => {
  const blocksize = intOf(node, 'blocksize', 1);
  const packed = t.b.op('SpaceToDepth', [g!], { blocksize });
  if (stringOf(node, 'mode', 'DCR') === 'DCR') return [packed];
  // CRD keeps the block index fastest: [b², C] → [C, b²]
  const { channels, size } = t.sizes(node.inputs[0]!, node);
  const [h, w] = size as [number, number];
  const split = t.b.reshape(packed, [0, blocksize ** 2, channels / blocksize ** 2, h * w]);
  return [t.b.reshape(t.b.transpose(split, [0, 2, 1, 3]), [0, channels, h, w])];
};
export const SpaceToDepth: Rule = (t, node, [g]) => [
  t.b.op('DepthToSpace', [g!], { blocksize: intOf(node, 'blocksize', 1), mode: 'DCR' }),
];

/** The gradient passes as it is. */
export const Identity: Rule = (_t, _node, [g]) => [g];

/** An identity in inference. */
export const Dropout: Rule = (t, node, [g]) => {
  const training = node.inputs[2];
  if (training && Number(t.constant(training)?.data[0] ?? 1) !== 0)
    throw refuse(node, 'is in training mode', 'export the model for inference');
  return [g];
};

/** Nothing flows back to integers or booleans (a mask, say), nor through them: their true gradient is zero. */
export const Cast: Rule = (t, node, [g]) => {
  const [from, to] = [t.type(node.inputs[0]!).dtype, t.type(node.outputs[0]!).dtype];
  if (!isFloat(from) || !isFloat(to)) return [undefined];
  return [from === to ? g : t.b.op('Cast', [g!], { to: dataTypeNumber(from) })];
};
