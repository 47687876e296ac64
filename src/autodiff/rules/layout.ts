import {
  intOf,
  intsOf,
  isFloat,
  type Node,
  padsOf,
  resolveSlice,
  sliceOf,
  stringOf,
  type Value,
} from '../../graph/index.ts';
import { type Rule, refuse, type Tape } from '../tape.ts';

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
  return [
    t.b.transpose(
      g!,
      perm.map((_, i) => perm.indexOf(i)),
    ),
  ];
};

/** Each input gets its own part. */
export const Concat: Rule = (t, node, [g]) => {
  const rank = t.shape(g!).length;
  const axis = (intOf(node, 'axis', 0) + rank) % rank;
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
    const first = step > 0 ? from : from + (count - 1) * step;
    const length = (count - 1) * gap + 1;
    const rank = t.shape(x).length;
    const at = (n: number) => Array.from({ length: rank }, (_, i) => (i === axis ? n : 0));
    value = t.b.pad(value, at(first), at(size - first - length));
  }
  return [value];
};

/** Puts gap − 1 zeros between the elements of an axis. */
function spreadOut(t: Tape, value: Value, axis: number, gap: number): Value {
  const shape = t.shape(value);
  const count = shape[axis] as number;
  const widened = t.b.op('Unsqueeze', [value, t.b.ints([axis + 1])]);
  const zeros = new Array<number>(shape.length + 1).fill(0);
  const padded = t.b.pad(
    widened,
    zeros,
    zeros.map((_, i) => (i === axis + 1 ? gap - 1 : 0)),
  );
  const merged = shape.map((d, i) =>
    i === axis ? count * gap : typeof d === 'number' ? d : i === 0 ? 0 : -1,
  );
  return t.b.slice(t.b.reshape(padded, merged), [{ axis, start: 0, end: (count - 1) * gap + 1 }]);
}

/** The part that was the input. */
export const Pad: Rule = (t, node, [g]) => {
  if (stringOf(node, 'mode', 'constant') !== 'constant')
    throw refuse(node, `pads by "${stringOf(node, 'mode', '')}"`);
  const { before, after } = padsOf(t.context(node));
  const x = t.shape(node.inputs[0]!);
  const inverse = [before.map((n) => -n), after.map((n) => -n)] as const;
  const cuts = inverse[0].flatMap((b, axis) => {
    const size = x[axis];
    if (b === 0 && inverse[1][axis] === 0) return [];
    if (typeof size !== 'number') throw refuse(node, 'pads a dynamic axis');
    return b <= 0 && inverse[1][axis]! <= 0 ? [{ axis, start: -b, end: -b + size }] : [];
  });
  const grown = inverse.map((v) => v.map((n, axis) => (cuts.some((s) => s.axis === axis) ? 0 : n)));
  return [t.b.pad(t.b.slice(g!, cuts), grown[0]!, grown[1]!)];
};

/** Summed over what it was repeated along. */
export const Expand: Rule = (t, node, [g]) => [t.unbroadcast(g!, node.inputs[0]!)];

/** Each other's inverse, in the same mode. */
export const DepthToSpace: Rule = (t, node, [g]) => {
  const blocksize = intOf(node, 'blocksize', 1);
  const packed = t.b.op('SpaceToDepth', [g!], { blocksize });
  if (stringOf(node, 'mode', 'DCR') === 'DCR') return [packed];
  // CRD keeps the block index fastest: [b², C] → [C, b²]
  const [, channels, h, w] = t.shape(node.inputs[0]!) as number[];
  const split = t.b.reshape(packed, [0, blocksize ** 2, channels! / blocksize ** 2, h! * w!]);
  return [t.b.reshape(t.b.transpose(split, [0, 2, 1, 3]), [0, channels!, h!, w!])];
};
export const SpaceToDepth: Rule = (t, node, [g]) => [
  t.b.op('DepthToSpace', [g!], { blocksize: intOf(node, 'blocksize', 1), mode: 'DCR' }),
];

/** Rows taken by a constant index: a product with the one-hot matrix of that index, transposed. */
export const Gather: Rule = (t, node, [g]) => {
  const [x, index] = node.inputs as [Value, Value];
  const shape = t.shape(x);
  const axis = (intOf(node, 'axis', 0) + shape.length) % shape.length;
  const size = shape[axis];
  const taken = t.constant(index);
  if (!taken || typeof size !== 'number') throw refuse(node, 'takes rows by an index computed while running');
  const picks = Array.from(taken.data as ArrayLike<number | bigint>, (v) => (Number(v) + size) % size);
  const onehot = new Float32Array(size * picks.length);
  for (const [column, row] of picks.entries()) onehot[row * picks.length + column] = 1;
  // g: [before, picks, after]; bring the picks last, multiply, and put them back.
  const flat = collapse(t, node, g!, axis, taken.shape.length, picks.length);
  const spread = t.b.op('MatMul', [t.b.floats(onehot, [size, picks.length]), flat]);
  return [t.b.reshapeLike(spread, x)];
};

function collapse(t: Tape, node: Node, g: Value, axis: number, rank: number, picks: number): Value {
  const after = t.shape(g).slice(axis + rank);
  if (after.some((d) => typeof d !== 'number')) throw refuse(node, 'has dynamic axes behind its own');
  return t.b.reshape(g, [-1, picks, after.reduce<number>((p, d) => p * (d as number), 1)]);
}

/** The gradient passes as it is. */
export const Identity: Rule = (_t, _node, [g]) => [g];

/** An identity in inference. */
export const Dropout: Rule = (t, node, [g]) => {
  const training = node.inputs[2];
  if (training && t.constant(training)?.data[0] !== 0)
    throw refuse(node, 'is in training mode', 'export the model for inference');
  return [g];
};

/** Nothing flows back to integers or booleans (a mask, say); other float types are refused. */
export const Cast: Rule = (t, node, [g]) => {
  const types = [t.type(node.inputs[0]!).dtype, t.type(node.outputs[0]!).dtype];
  if (types.some((d) => !isFloat(d))) return [undefined];
  if (types.every((d) => d === 'float32')) return [g];
  throw refuse(node, `casts ${types[0]} to ${types[1]}`, 'store the model in float32');
};
