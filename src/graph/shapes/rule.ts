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
  /** The dimensions that input `i` holds, where it is the Shape of a value. */
  dims(i: number): readonly Dim[] | undefined;
}

/** The types of a node's outputs, in order (trailing outputs may be left out). */
export type ShapeRule = (c: ShapeContext) => readonly TensorType[];

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

/** The input's shape, which must have `rank` dimensions (or at least `rank`, for spatial operators). */
export function ranked(c: ShapeContext, i: number, rank: number): readonly Dim[] {
  const { shape } = c.input(i);
  if (shape.length !== rank)
    throw mismatch(c.node, `got an input of shape ${formatShape(shape)}`, `rank ${rank}`);
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
  if (a < 0 || a >= Math.max(rank, 1))
    throw mismatch(node, `has axis ${axis}`, `an axis within rank ${rank}`);
  return a;
}

/** The integers of a constant input. @throws E_UNSUPPORTED where it is computed while running. */
export function constantInts(c: Pick<ShapeContext, 'node' | 'constant'>, i: number, what: string): number[] {
  const tensor = c.constant(i);
  if (!tensor)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `${nodeLabel(c.node)}: its ${what} is computed while running`,
      'a constant',
      'export the model again with constant folding',
    );
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}
