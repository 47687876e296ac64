import { TouchstoneError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import { formatShape } from '../dims.ts';
import type { DataType, Dim, Node } from '../ir.ts';
import { nodeLabel } from '../shapes/index.ts';

/** The largest constant, in elements, that a rewriting makes. */
export const MOST_ELEMENTS = 2 ** 24;

/** For a form of an operator that is valid but has no writing here. */
export const unsupported = (node: Node, got: string, expected: string, remedy?: string): TouchstoneError =>
  new TouchstoneError('E_UNSUPPORTED', `${nodeLabel(node)}: ${got}`, expected, remedy);

/** For a node that ONNX does not allow. */
export const malformed = (node: Node, got: string, expected: string): TouchstoneError =>
  new TouchstoneError(
    'E_ONNX',
    `${nodeLabel(node)} ${got}`,
    expected,
    'the model is invalid: export it again',
  );

/** Input `i`. @throws E_ONNX where it is left out */
export function inputOf(node: Node, i: number): Value {
  const value = node.inputs[i];
  if (!value) throw malformed(node, `lacks input ${i}`, 'a value');
  return value;
}

/** Input `i`, in float32, as formulas with float32 constants need it. @throws E_UNSUPPORTED for another type */
export function floatInput(b: GraphBuilder, node: Node, i = 0): Value {
  const value = inputOf(node, i);
  const { dtype } = b.type(value);
  if (dtype !== 'float32')
    throw unsupported(node, `input ${i} of type ${dtype}`, 'float32', 'export the model in float32');
  return value;
}

/** The shape of a value of which the rank is checked. @throws E_SHAPE */
export function shapeOfRank(
  b: GraphBuilder,
  node: Node,
  value: Value,
  low: number,
  high = low,
): readonly Dim[] {
  const shape = b.shape(value);
  if (shape.length < low || shape.length > high)
    throw new TouchstoneError(
      'E_SHAPE',
      `${nodeLabel(node)} got an input of shape ${formatShape(shape)}`,
      low === high ? `rank ${low}` : `rank ${low} to ${high}`,
      'the model does not fit together',
    );
  return shape;
}

/** A dimension that must be a number of at least 1. @throws E_UNSUPPORTED naming `what` */
export function fixedDim(node: Node, dim: Dim | undefined, what: string): number {
  if (typeof dim === 'number' && dim >= 1) return dim;
  throw unsupported(
    node,
    `${what} is ${dim ?? 'unknown'}`,
    'a fixed size of at least 1',
    'export the model with fixed sizes (only the batch may be dynamic)',
  );
}

/** An axis in [0, rank). @throws E_SHAPE */
export function axisWithin(node: Node, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(a) && a >= 0 && a < rank) return a;
  throw new TouchstoneError(
    'E_SHAPE',
    `${nodeLabel(node)} has axis ${axis}`,
    `an axis within rank ${rank}`,
    'the model does not fit together',
  );
}

/** The most, in elements, of all constants that are made for one graph: a file may use one weight a thousand times. */
const MOST_IN_ALL = 2 ** 28;
const made = new WeakMap<GraphBuilder, number>();

/** Counts a constant that is about to be made. @throws E_UNSUPPORTED where all of them together are too large */
export function spend(b: GraphBuilder, node: Node, elements: number): void {
  const total = (made.get(b) ?? 0) + elements;
  if (!(total <= MOST_IN_ALL))
    throw unsupported(node, `constants of ${total} elements in all`, `at most ${MOST_IN_ALL}`);
  made.set(b, total);
}

/** Refuses constants that a hostile file could make huge. */
export function bounded(b: GraphBuilder, node: Node, elements: number, what: string): void {
  if (!(elements <= MOST_ELEMENTS))
    throw unsupported(node, `${what} of ${elements} elements`, `at most ${MOST_ELEMENTS}`);
  spend(b, node, elements);
}

/** The numbers of a constant input. @throws E_UNSUPPORTED where it is computed while running */
export function constantNumbers(b: GraphBuilder, node: Node, i: number, what: string): number[] {
  const tensor = b.constantValue(inputOf(node, i));
  if (!tensor || tensor.dtype === 'string')
    throw unsupported(
      node,
      `its ${what} is computed while running`,
      'a constant',
      'export the model again with constant folding',
    );
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** Axes from `from` up to before `to`. */
export const axesFrom = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** Σ over `axes`, which stay as ones. */
export const sumOver = (b: GraphBuilder, x: Value, axes: readonly number[]): Value =>
  b.op('ReduceSum', [x, b.ints(axes)], { keepdims: 1 });

/** The mean over `axes`, which stay as ones. */
export const meanOver = (b: GraphBuilder, x: Value, axes: readonly number[]): Value =>
  b.op('ReduceMean', [x, b.ints(axes)], { keepdims: 1 });

export const square = (b: GraphBuilder, x: Value): Value => b.op('Mul', [x, x]);

/** x·c; x itself where c is 1. */
export const scaledBy = (b: GraphBuilder, x: Value, c: number): Value =>
  c === 1 ? x : b.op('Mul', [x, b.scalar(c)]);

/** Transpose, at once for a constant. */
export function permuted(b: GraphBuilder, node: Node, x: Value, perm: readonly number[]): Value {
  spend(b, node, b.constantValue(x)?.data.length ?? 0);
  return b.transpose(x, perm);
}

/** Swaps the last two axes. */
export function matrixTranspose(b: GraphBuilder, node: Node, x: Value): Value {
  const rank = b.shape(x).length;
  const perm = axesFrom(0, rank);
  return permuted(b, node, x, [...perm.slice(0, rank - 2), rank - 1, rank - 2]);
}

/** Splits an axis into parts of the given sizes. */
export const splitInto = (b: GraphBuilder, x: Value, axis: number, sizes: readonly number[]): Value[] =>
  sizes.length === 1 ? [x] : b.ops('Split', [x, b.ints(sizes)], { axis }, sizes.length);

/** Cast to an element type by ONNX's number for it. */
export const CAST: Partial<Record<DataType, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7 };
export const castTo = (b: GraphBuilder, x: Value, dtype: 'float32' | 'uint8' | 'int32' | 'int64'): Value =>
  b.op('Cast', [x], { to: CAST[dtype] });
