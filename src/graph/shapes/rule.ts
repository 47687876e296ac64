import { TouchstoneError } from '../../errors.ts';
import { formatShape } from '../dims.ts';
import type { DataType, Dim, Node, Tensor } from '../ir.ts';

/** What is known of a value before running: its element type and its shape, whose dimensions may be symbols. */
export interface TensorType {
  readonly dtype: DataType;
  readonly shape: readonly Dim[];
}

/** What a shape rule sees of a node. */
export interface ShapeContext {
  readonly node: Node;
  readonly opset: number;
  /** The type of input `i`. @throws E_ONNX where the input is missing or its type is unknown. */
  input(i: number): TensorType;
  has(i: number): boolean;
  /** The value of input `i` where it is known before running. */
  constant(i: number): Tensor | undefined;
  /**
   * The numbers that input `i`, a scalar or a short vector, holds, as far as they are known before running: dimensions
   * measured by Shape and what is computed from them. null stands for one that is not known.
   */
  dims(i: number): readonly Dim[] | undefined;
}

/** The types of a node's outputs, in order (trailing outputs may be left out). */
export type ShapeRule = (c: ShapeContext) => readonly TensorType[];

/** More axes than any operator needs: what is of a higher rank is refused. */
export const MAX_RANK = 32;

/** Axes, sizes and pads of more elements than this are no such thing. */
const MOST_INTS = 2 ** 16;

/** How an error names a node: `Conv "conv1"`, or by its first output where it has no name. */
export const nodeLabel = (node: Node): string =>
  `${node.domain ? `${node.domain}.` : ''}${node.op} "${node.name || node.outputs.find((o) => o) || '?'}"`;

export function mismatch(node: Node, got: string, expected: string): TouchstoneError {
  return new TouchstoneError(
    'E_SHAPE',
    `${nodeLabel(node)} ${got}`,
    expected,
    'the model does not fit together',
  );
}

/** The input's shape, which must have `rank` dimensions. */
export function ranked(c: ShapeContext, i: number, rank: number): readonly Dim[] {
  const { shape } = c.input(i);
  if (shape.length !== rank)
    throw mismatch(c.node, `got an input of shape ${formatShape(shape)}`, `rank ${rank}`);
  return shape;
}

/** The input's shape, which must have `rank` dimensions at least. */
export function rankedFrom(c: ShapeContext, i: number, rank: number): readonly Dim[] {
  const { shape } = c.input(i);
  if (shape.length < rank)
    throw mismatch(c.node, `got an input of shape ${formatShape(shape)}`, `rank ${rank} at least`);
  return shape;
}

/** A fixed dimension. @throws E_UNSUPPORTED where it is symbolic. */
export function fixed(c: ShapeContext, dim: Dim, what: string): number {
  if (typeof dim === 'number') return dim;
  throw new TouchstoneError(
    'E_UNSUPPORTED',
    `${nodeLabel(c.node)}: ${what} is ${dim ?? 'unknown'}`,
    'a fixed size',
    'export the model with fixed channel and spatial sizes (only the batch may be dynamic)',
  );
}

/** An axis in [0, rank). */
export function axisOf(node: Node, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank)
    throw mismatch(node, `has axis ${axis}`, `an axis within rank ${rank}`);
  return a;
}

/** Distinct axes in [0, rank). */
export function axesOf(node: Node, axes: readonly number[], rank: number): number[] {
  if (axes.length > rank) throw mismatch(node, `has ${axes.length} axes`, `${rank} at most`);
  const resolved = axes.map((a) => axisOf(node, a, rank));
  if (new Set(resolved).size !== resolved.length)
    throw mismatch(node, `has axes [${axes}]`, 'each axis once');
  return resolved;
}

/** The part of a context that the helpers read constants with. */
export type ConstantContext = Pick<ShapeContext, 'node' | 'constant'> & Partial<Pick<ShapeContext, 'dims'>>;

/** The integers of a constant input. @throws E_UNSUPPORTED where they are computed while running. */
export function constantInts(c: ConstantContext, i: number, what: string): number[] {
  const known = knownInts(c, i);
  if (known) return known;
  throw new TouchstoneError(
    'E_UNSUPPORTED',
    `${nodeLabel(c.node)}: its ${what} is computed while running`,
    'a constant',
    'export the model again with constant folding',
  );
}

/** The integers of an input where all of them are known before running. @throws E_SHAPE where one is a fraction */
export function knownInts(c: ConstantContext, i: number): number[] | undefined {
  const known = knownNumbers(c, i);
  const fraction = known?.find((x) => !Number.isInteger(x));
  if (fraction !== undefined) throw mismatch(c.node, `got ${fraction} in its input ${i}`, 'integers');
  return known;
}

/** The numbers of an input where all of them are known before running. */
export function knownNumbers(c: ConstantContext, i: number): number[] | undefined {
  const tensor = c.constant(i);
  if (!tensor) {
    const dims = c.dims?.(i);
    return dims?.every((d) => typeof d === 'number') ? [...dims] : undefined;
  }
  if (tensor.dtype === 'string') throw mismatch(c.node, `got text as its input ${i}`, 'numbers');
  if (tensor.data.length > MOST_INTS)
    throw mismatch(c.node, `got ${tensor.data.length} numbers as its input ${i}`, 'axes, sizes or pads');
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** A number that an input with one element holds, where it is known: a symbol, too. */
export function knownScalar(c: ShapeContext, i: number): Dim {
  const dims = c.dims(i);
  return dims?.length === 1 ? dims[0]! : null;
}
