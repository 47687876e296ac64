import { type Dim, intOf, type Node, stringOf, type Value } from '../../graph/index.ts';
import { axisOf, fixedDims, oneOpen, type Rule, refuse, type Tape } from '../tape.ts';

/** Beyond this many elements, a 0/1 matrix is slower than adding row by row. */
const LARGEST_MATRIX = 2 ** 20;

/** The rows that a constant index takes, in [0, size). */
function picksOf(t: Tape, node: Node, index: Value, size: number): number[] | undefined {
  const constant = t.constant(index);
  if (!constant) return undefined;
  const picks = Array.from(constant.data as ArrayLike<number | bigint>, (v) => Number(v));
  if (picks.some((v) => v < -size || v >= size)) throw refuse(node, `takes rows beyond its ${size}`);
  return picks.map((v) => (v < 0 ? v + size : v));
}

/**
 * Rows taken: each row of g goes back where it came from. For a constant index: a run of rows is padded with zeros, a
 * permutation is undone, anything else is a product with a 0/1 matrix. For one computed while running: added up by index.
 */
export const Gather: Rule = (t, node, [g]) => {
  const [x, index] = node.inputs as [Value, Value];
  const shape = t.shape(x);
  const axis = axisOf(node, shape.length, 0);
  const size = shape[axis];
  const count = t.shape(index).reduce<number>((p, d) => (typeof d === 'number' ? p * d : -1), 1);
  const merged = [...shape.slice(0, axis), null, ...shape.slice(axis + 1)];
  const picks = typeof size === 'number' ? picksOf(t, node, index, size) : undefined;
  const open = merged.map((d, i) => (i === axis && count >= 0 ? count : d));
  const flat = t.shape(index).length === 1 ? g! : t.b.reshape(g!, oneOpen(node, open));
  if (picks && typeof size === 'number') {
    const back = byConstant(t, node, flat, axis, size, picks);
    if (back) return [back];
  }
  const rows = t.b.op('Reshape', [index, t.b.ints([-1, ...shape.slice(axis + 1).map(() => 1)])]);
  return [addedUp(t, x, rows, flat, axis)];
};

/** x's gradient from rows of g along `axis` with constant positions; undefined where a matrix would be too large. */
function byConstant(
  t: Tape,
  node: Node,
  g: Value,
  axis: number,
  size: number,
  picks: readonly number[],
): Value | undefined {
  const at = (n: number) => t.shape(g).map((_, i) => (i === axis ? n : 0));
  const first = picks[0] ?? 0;
  if (picks.every((row, i) => row === first + i))
    return t.b.pad(g, at(first), at(size - first - picks.length));
  if (picks.length === size && new Set(picks).size === size) {
    const inverse = new Array<number>(size);
    for (const [column, row] of picks.entries()) inverse[row] = column;
    return t.b.op('Gather', [g, t.b.ints(inverse)], { axis });
  }
  if (size * picks.length > LARGEST_MATRIX) return undefined;
  const onehot = t.table(node, [size, picks.length], (data) => {
    for (const [column, row] of picks.entries()) data[row * picks.length + column] = 1;
  });
  return t.along(node, g, axis, size, onehot);
}

/** Zeros as x with g's elements added along `axis` at `index`, which broadcasts to g. */
function addedUp(t: Tape, x: Value, index: Value, g: Value, axis: number): Value {
  const everywhere = t.b.op('Expand', [index, t.b.op('Shape', [g])]);
  return t.b.op('ScatterElements', [t.zerosLike(x), everywhere, g], { axis, reduction: 'add' });
}

/** Element by element: added up by the same index. */
export const GatherElements: Rule = (t, node, [g]) => {
  const [x, index] = node.inputs as [Value, Value];
  const axis = axisOf(node, t.shape(x).length, 0);
  return [t.b.op('ScatterElements', [t.zerosLike(x), index, g!], { axis, reduction: 'add' })];
};

/** How many elements a slice has; −1, for a Reshape, where a size is dynamic. */
const restOf = (dims: readonly Dim[]): number =>
  dims.reduce<number>((p, d) => (p < 0 || typeof d !== 'number' ? -1 : p * d), 1);

/**
 * Slices by tuples of positions: with the indexed axes flattened to one, and the tuples to one number each, the same as
 * Gather. (onnxruntime's ScatterND, which would be the direct form, races on the CPU when it adds.)
 */
export const GatherND: Rule = (t, node, [g]) => {
  const [x, index] = node.inputs as [Value, Value];
  const shape = t.shape(x);
  const batch = intOf(node, 'batch_dims', 0);
  const [depth] = fixedDims(node, [t.shape(index).at(-1) ?? null]) as [number];
  const dims = fixedDims(node, shape.slice(batch, batch + depth));
  const size = dims.reduce((p, d) => p * d, 1);
  const strides = dims.map((_, i) => dims.slice(i + 1).reduce((p, d) => p * d, 1));
  const behind = shape.slice(batch + depth);
  const constant = t.constant(index);
  if (constant && batch === 0) {
    const tuples = Array.from(constant.data as ArrayLike<number | bigint>, Number);
    const picks = Array.from({ length: tuples.length / depth }, (_, row) =>
      dims.reduce((sum, d, i) => {
        const at = tuples[row * depth + i]!;
        if (at < -d || at >= d) throw refuse(node, `takes a position beyond its ${d}`);
        return sum + strides[i]! * (at < 0 ? at + d : at);
      }, 0),
    );
    const back = byConstant(t, node, t.b.reshape(g!, [picks.length, restOf(behind)]), 0, size, picks);
    if (back) return [t.b.reshapeLike(back, x)];
  }
  const rest = restOf(fixedDims(node, behind));
  // [B, Q, depth] → [B, Q, 1]
  const lead = shape.slice(0, batch);
  const many = lead.some((d) => typeof d !== 'number')
    ? -1
    : lead.reduce<number>((p, d) => p * (d as number), 1);
  const taken = t.shape(index).slice(batch, -1);
  const queries = taken.some((d) => typeof d !== 'number')
    ? -1
    : taken.reduce<number>((p, d) => p * (d as number), 1);
  if (many < 0 && queries < 0) throw refuse(node, 'has two dynamic sizes');
  const apart = t.b.op('Reshape', [index, t.b.ints([many, queries, depth])]);
  const negative = t.b.op('Less', [apart, t.b.ints([0])]);
  const positions = t.b.op('Where', [negative, t.b.op('Add', [apart, t.b.ints(dims)]), apart]);
  const products = t.b.op('Mul', [positions, t.b.ints(strides)]);
  const linear = t.b.op('ReduceSum', [products, t.b.ints([2])], { keepdims: 1 });
  const zeros = t.b.reshape(t.zerosLike(x), [many, size, rest]);
  return [t.b.reshapeLike(addedUp(t, zeros, linear, t.b.reshape(g!, [many, queries, rest]), 1), x)];
};

/** Whether updates replace or are added; the other reductions are refused. */
function adds(node: Node): boolean {
  const reduction = stringOf(node, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add')
    throw refuse(node, `combines by "${reduction}"`, 'scatter with reduction none or add');
  return reduction === 'add';
}

/** Updates get g from where they went; data gets what was not replaced. */
export const ScatterElements: Rule = (t, node, [g]) => {
  const [data, index, updates] = node.inputs as [Value, Value, Value];
  const axis = axisOf(node, t.shape(data).length, 0);
  const added = adds(node);
  return t.each(
    node,
    () => (added ? g! : t.b.op('ScatterElements', [g!, index, t.zerosLike(updates)], { axis })),
    () => undefined,
    () => t.b.op('GatherElements', [g!, index], { axis }),
  );
};

/** The same for whole slices. */
export const ScatterND: Rule = (t, node, [g]) => {
  const [, index, updates] = node.inputs as [Value, Value, Value];
  const added = adds(node);
  return t.each(
    node,
    () => (added ? g! : t.b.op('ScatterND', [g!, index, t.zerosLike(updates)])),
    () => undefined,
    () => t.b.op('GatherND', [g!, index]),
  );
};

/** The largest k, in order: g back to where they stood, which no two share. */
export const TopK: Rule = (t, node, [g]) => {
  const [x, k] = node.inputs as [Value, Value];
  const axis = axisOf(node, t.shape(x).length, -1);
  const attributes = { axis, largest: intOf(node, 'largest', 1), sorted: intOf(node, 'sorted', 1) };
  const index = node.outputs[1] || t.b.ops('TopK', [x, k], attributes, 2)[1]!;
  return [t.b.op('ScatterElements', [t.zerosLike(x), index, g!], { axis })];
};
