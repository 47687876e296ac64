import { TouchstoneError } from '../../errors.ts';
import { floatOf, intOf, intsOf, stringOf } from '../attributes.ts';
import { formatShape } from '../dims.ts';
import type { DataType, Node } from '../ir.ts';
import { nodeLabel } from '../shapes/rule.ts';

/**
 * A tensor of the reference interpreter: every element a float64, whatever its type. Booleans are 0 and 1; integers
 * are exact up to ±2⁵³; floats are not rounded to their type, as this is the truth that others are compared with.
 */
export interface Dense {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float64Array;
}

/** One operator in plain loops: from the inputs of a node to its outputs, in order. */
export type Kernel = (c: Call) => readonly Dense[];

/** Elements that one output may have, where nothing else is asked for. */
export const DEFAULT_LIMIT = 2 ** 26;

/** Elementary steps that one node may take, per element that its outputs may have. */
const STEPS_PER_ELEMENT = 1024;

/** More than any operator needs, and far from what recursion over axes could not bear. */
const MAX_RANK = 32;

/** A node and its inputs: what a kernel computes from, and where it allocates. */
export class Call {
  readonly node: Node;
  readonly inputs: readonly (Dense | undefined)[];
  readonly limit: number;

  /** @param inputs `undefined` stands for an optional one left out */
  constructor(node: Node, inputs: readonly (Dense | undefined)[], limit = DEFAULT_LIMIT) {
    this.node = node;
    this.inputs = inputs;
    this.limit = limit;
  }

  /** The same node applied to other inputs: how an operator is written with another's kernel. */
  with(inputs: readonly (Dense | undefined)[]): Call {
    return new Call(this.node, inputs, this.limit);
  }

  /** The same inputs to another node. */
  as(node: Node): Call {
    return new Call(node, this.inputs, this.limit);
  }

  /** Input `i`. @throws E_ONNX where it is left out, E_SHAPE where it has another rank than asked for. */
  input(i: number, rank?: number): Dense {
    const x = this.inputs[i];
    if (!x)
      throw new TouchstoneError(
        'E_ONNX',
        `${nodeLabel(this.node)} without its input ${i}`,
        'all inputs that its operator requires',
        'the model is invalid: export it again, or run onnx.checker on it',
      );
    if (rank !== undefined && x.shape.length !== rank)
      throw this.misfit(`got an input of shape ${formatShape(x.shape)}`, `rank ${rank}`);
    return x;
  }

  optional(i: number): Dense | undefined {
    return this.inputs[i];
  }

  /** The only element of input `i`, or `fallback` where that is left out. */
  scalar(i: number, fallback?: number): number {
    const x = fallback === undefined ? this.input(i) : this.optional(i);
    if (!x) return fallback!;
    if (x.data.length !== 1)
      throw this.misfit(`got shape ${formatShape(x.shape)} as its input ${i}`, 'one element');
    return x.data[0]!;
  }

  /** The elements of input `i`: axes, sizes or pads. */
  vector(i: number): number[] {
    return Array.from(this.input(i).data);
  }

  int(name: string, fallback: number): number {
    return Math.trunc(intOf(this.node, name, fallback));
  }

  float(name: string, fallback: number): number {
    return floatOf(this.node, name, fallback);
  }

  string(name: string, fallback: string): string {
    return stringOf(this.node, name, fallback);
  }

  ints(name: string): readonly number[] | undefined {
    return intsOf(this.node, name);
  }

  /** An axis in [0, rank), counted from the end where it is negative. */
  axis(axis: number, rank: number): number {
    const a = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(a) || a < 0 || a >= rank)
      throw this.misfit(`has axis ${axis}`, `an axis within rank ${rank}`);
    return a;
  }

  /** Distinct axes in [0, rank). */
  axes(axes: readonly number[], rank: number): number[] {
    const resolved = axes.map((a) => this.axis(a, rank));
    if (new Set(resolved).size !== axes.length) throw this.misfit(`has axes [${axes}]`, 'distinct axes');
    return resolved;
  }

  /**
   * A tensor of zeros for an output (or for what is in between).
   *
   * @throws E_SHAPE where the shape is none, E_UNSUPPORTED where it has more elements than the limit
   */
  make(dtype: DataType, shape: readonly number[]): Dense {
    if (shape.length > MAX_RANK || shape.some((d) => !Number.isInteger(d) || d < 0))
      throw this.misfit(`would give shape ${clipped(shape)}`, `up to ${MAX_RANK} sizes, none negative`);
    const size = elements(shape);
    if (size > this.limit)
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `${nodeLabel(this.node)} whose output has shape ${formatShape(shape)}`,
        `at most ${this.limit} elements`,
        'use smaller inputs, or raise the limit',
      );
    return { dtype, shape: [...shape], data: new Float64Array(size) };
  }

  /** The data of `x` in another shape of as many elements. */
  reshaped(x: Dense, shape: readonly number[]): Dense {
    if (
      shape.length > MAX_RANK ||
      shape.some((d) => !Number.isInteger(d) || d < 0) ||
      elements(shape) !== x.data.length
    )
      throw this.misfit(`got shape ${formatShape(x.shape)}`, `one that reshapes to ${clipped(shape)}`);
    return { dtype: x.dtype, shape: [...shape], data: x.data };
  }

  /** @throws E_UNSUPPORTED where a node would take more steps than there is patience for */
  steps(count: number): void {
    if (count > this.limit * STEPS_PER_ELEMENT)
      throw this.unsupported(`of ${count} steps`, `at most ${this.limit * STEPS_PER_ELEMENT}`);
  }

  misfit(got: string, expected: string): TouchstoneError {
    const remedy = 'the model does not fit together';
    return new TouchstoneError('E_SHAPE', `${nodeLabel(this.node)} ${got}`, expected, remedy);
  }

  /** An index or a parameter beyond what it indexes or sets. */
  outside(got: string, expected: string): TouchstoneError {
    return new TouchstoneError(
      'E_RANGE',
      `${nodeLabel(this.node)} ${got}`,
      expected,
      'check the inputs, or export the model again',
    );
  }

  unsupported(got: string, expected: string): TouchstoneError {
    return new TouchstoneError(
      'E_UNSUPPORTED',
      `${nodeLabel(this.node)} ${got}`,
      expected,
      'export the model in another form',
    );
  }
}

const clipped = (shape: readonly number[]): string =>
  shape.length > MAX_RANK ? `of rank ${shape.length}` : formatShape(shape);

/** The number of elements of a shape. */
export const elements = (shape: readonly number[]): number => {
  let size = 1;
  for (const d of shape) size *= d;
  return shape.includes(0) ? 0 : size;
};
