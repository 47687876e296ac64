import { TouchstoneError } from '../errors.ts';
import {
  type Dim,
  float,
  type GraphBuilder,
  intOf,
  intsOf,
  type Node,
  nodeLabel,
  type Tensor,
  type TensorType,
  type Value,
} from '../graph/index.ts';

/**
 * The gradient of a value, on its way back: one value of the value's own shape, or its s×s sub-pixel phases, which
 * meet other contributions (a shortcut's, say) while they are still small.
 */
export type Adjoint = Value | Phased;

/** Phase `r1·s + r2` holds the positions `(s·q1 + r1, s·q2 + r2)`: `[N, C, Q1, Q2]`. null stands for zeros. */
export interface Phased {
  readonly stride: number;
  readonly phases: readonly (Value | null)[];
}

/** How gradients are written for a device: `cpu` keeps onnxruntime's blocked layout, `cuda` uses cuDNN's own kernels. */
export type Emitter = 'cpu' | 'cuda';

/**
 * The vector-Jacobian product of one operator: from the node and the gradients of its outputs (`undefined` where
 * an output does not matter) to the gradients of its inputs.
 */
export type Rule = (
  t: Tape,
  node: Node,
  g: readonly (Value | undefined)[],
) => readonly (Adjoint | undefined)[];

/** What a rule works with: the graph under construction, and what is known of the node at hand. */
export class Tape {
  readonly b: GraphBuilder;
  readonly emitter: Emitter;
  readonly #blocked: boolean;
  readonly #needed: (value: Value) => boolean;
  /** What a dequantisation multiplied by its scale. */
  readonly #scaled = new Map<Value, { readonly plain: Value; readonly scale: Value }>();

  constructor(b: GraphBuilder, emitter: Emitter, blocked: boolean, needed: (value: Value) => boolean) {
    this.b = b;
    this.emitter = emitter;
    this.#blocked = blocked && emitter === 'cpu';
    this.#needed = needed;
  }

  /** Whether the gradient of input `i` is wanted. */
  needs(node: Node, i: number): boolean {
    const value = node.inputs[i];
    return !!value && this.#needed(value);
  }

  /** Computes the gradients of those inputs that are wanted. */
  each(node: Node, ...of: readonly (() => Adjoint | undefined)[]): (Adjoint | undefined)[] {
    return of.map((f, i) => (this.needs(node, i) ? f() : undefined));
  }

  /** The sizes of an `[N, C, …]` value, of which all but the batch must be fixed. */
  sizes(value: Value, node: Node): { channels: number; size: number[] } {
    const [channels] = fixedDims(node, [this.b.shape(value)[1] ?? null]) as [number];
    return { channels, size: this.spatial(value, node) };
  }

  /** The spatial sizes of an `[N, C, …]` value, which must be fixed. */
  spatial(value: Value, node: Node): number[] {
    return fixedDims(node, this.b.shape(value).slice(2));
  }

  add(a: Value, b: Value): Value {
    return this.b.op('Add', [a, b]);
  }

  sub(a: Value | number, b: Value): Value {
    return this.b.op('Sub', [typeof a === 'number' ? this.b.scalar(a) : a, b]);
  }

  div(a: Value, b: Value): Value {
    return this.b.op('Div', [a, b]);
  }

  where(condition: Value, a: Value | number, b: Value | number): Value {
    const sides = [a, b].map((v) => (typeof v === 'number' ? this.b.scalar(v) : v));
    return this.b.op('Where', [condition, ...sides]);
  }

  /** 1 where a comparison (or another test) holds, else 0. */
  indicator(test: string, ...of: readonly Value[]): Value {
    return this.b.op('Cast', [this.b.op(test, of)], { to: FLOAT });
  }

  /** Zeros as large as `like`. */
  zerosLike(like: Value): Value {
    const shape = this.b.shape(like);
    const fixed = shape.every((d) => typeof d === 'number');
    return this.b.op('Expand', [
      this.b.scalar(0),
      fixed ? this.b.ints(shape as number[]) : this.b.op('Shape', [like]),
    ]);
  }

  /** A constant table that a rule makes up. @throws E_UNSUPPORTED beyond 2²⁴ elements, before it is allocated */
  table(node: Node, shape: readonly number[], fill: (data: Float32Array) => void): Value {
    const size = shape.reduce((p, d) => p * d, 1);
    if (!(size <= LARGEST_TABLE)) throw refuse(node, `needs a table of ${size} numbers for its gradient`);
    const data = new Float32Array(size);
    fill(data);
    return this.b.floats(data, shape);
  }

  mul(a: Value, b: Value | number): Value {
    if (b === 1) return a;
    return this.b.op('Mul', [a, typeof b === 'number' ? this.b.scalar(b) : b]);
  }

  /** `value` times a quantisation's scale; `name` is that scale as the model has it. */
  scaled(value: Value, scale: Value, name: Value): Value {
    const product = this.mul(value, scale);
    this.#scaled.set(product, { plain: value, scale: name });
    return product;
  }

  /** What was multiplied by this very scale (or one equal to it); undefined where `value` is anything else. */
  unscaled(value: Value, scale: Value): Value | undefined {
    const found = this.#scaled.get(value);
    if (!found || found.scale === scale) return found?.plain;
    const [a, b] = [this.constant(found.scale), this.constant(scale)];
    if (!a || !b || a.dtype !== b.dtype || a.data.length !== b.data.length) return undefined;
    return a.data.every((v, i) => v === b.data[i]) ? found.plain : undefined;
  }

  neg(a: Value): Value {
    return this.b.op('Neg', [a]);
  }

  sum(value: Value, axes: readonly number[], keepdims = true): Value {
    if (axes.length === 0) return value;
    return this.b.op('ReduceSum', [value, this.b.ints(axes)], { keepdims: keepdims ? 1 : 0 });
  }

  mean(value: Value, axes: readonly number[]): Value {
    return this.b.op('ReduceMean', [value, this.b.ints(axes)], { keepdims: 1 });
  }

  /** Sums a gradient over the axes along which `like` was broadcast. */
  unbroadcast(g: Value, like: Value): Value {
    const from = this.b.shape(g);
    const to = this.b.shape(like);
    const lead = from.length - to.length;
    const axes = from.flatMap((d, i) => (i < lead || (to[i - lead] === 1 && d !== 1) ? [i] : []));
    const summed = this.sum(g, axes);
    return lead > 0 ? this.b.reshapeLike(summed, like) : summed;
  }

  /**
   * 1 where `slope·y + offset > 0`, else 0, in an operator that the blocked layout has. Numbers below 2⁻¹⁰⁰ fall between.
   */
  positive(y: Value, slope: 1 | -1 = 1, offset = 0): Value {
    return this.b.op('HardSigmoid', [y], { alpha: float(slope * STEEP), beta: float(offset * STEEP) });
  }

  /**
   * `off` where a mask is 0 and `on` where it is 1, and between them in between: another HardSigmoid, which stays in the
   * blocked layout, where both lie in [0, 1].
   */
  levels(mask: Value, off: number, on: number): Value {
    const slope = on - off;
    if (Math.min(off, on) >= 0 && Math.max(off, on) <= 1)
      return this.b.op('HardSigmoid', [mask], { alpha: float(slope), beta: float(off) });
    return this.add(this.mul(mask, slope), this.b.scalar(off));
  }

  /**
   * Enters onnxruntime's blocked layout (an identity MaxPool), so that the masks and convolutions that
   * follow need no reordering each.
   */
  blocked(value: Value): Value {
    const [, channels, ...size] = this.b.shape(value);
    if (!this.#blocked || size.length !== 2) return value;
    if (typeof channels !== 'number' || channels % 16 !== 0) return value;
    return this.b.op('MaxPool', [value], { kernel_shape: [1, 1] });
  }

  /** Makes `value`, whose `axes` have size 1, as large as `like` along them. */
  expandLike(value: Value, like: Value, axes: readonly number[]): Value {
    const shape = this.b.shape(like);
    if (axes.every((a) => typeof shape[a] === 'number')) {
      const ones = shape.map((d, i) => (axes.includes(i) ? (d as number) : 1));
      const count = ones.reduce((p, d) => p * d, 1);
      if (count === 1) return value;
      // A product stays in the blocked layout; ones beyond a megabyte do not pay.
      if (count > LARGEST_ONES) return this.b.op('Expand', [value, this.b.ints(ones)]);
      return this.mul(value, this.b.floats(new Float32Array(count).fill(1), ones));
    }
    return this.b.op('Expand', [value, this.b.op('Shape', [like])]);
  }

  /**
   * A product along one axis: `value` `[…, from, …]` with a matrix `[to, from]` gives `[…, to, …]`.
   *
   * @throws E_UNSUPPORTED where two or more sizes on one side of the axis are dynamic and cannot be merged
   */
  along(node: Node, value: Value, axis: number, to: number, matrix: Value): Value {
    const shape = this.b.shape(value);
    if (axis === shape.length - 1 && shape.length > 1)
      return this.b.op('MatMul', [value, this.b.transpose(matrix, [1, 0])]);
    if (axis === shape.length - 2) return this.b.op('MatMul', [matrix, value]);
    const from = shape[axis] as number;
    const after = fixedDims(node, shape.slice(axis + 1)).reduce((p, d) => p * d, 1);
    const product = this.b.op('MatMul', [matrix, this.b.reshape(value, [-1, from, after])]);
    return this.b.reshape(product, sizesWith(node, shape, axis, to));
  }

  type(value: Value): TensorType {
    return this.b.type(value);
  }

  shape(value: Value): readonly Dim[] {
    return this.b.shape(value);
  }

  constant(value: Value | undefined): Tensor | undefined {
    return value ? this.b.constantValue(value) : undefined;
  }

  /** What shape helpers of the graph ask of a node. */
  context(node: Node) {
    return {
      node,
      opset: this.b.opset,
      has: (i: number) => !!node.inputs[i],
      input: (i: number) => this.b.type(node.inputs[i]!),
      constant: (i: number) => this.constant(node.inputs[i]),
      dims: () => undefined,
    };
  }
}

/** TensorProto's number for float32. */
const FLOAT = 1;
/** The slope of a step that is a HardSigmoid. */
export const STEEP = 2 ** 100;
/** The most elements of a constant that a rule makes up. */
export const LARGEST_TABLE = 2 ** 24;
const LARGEST_ONES = 2 ** 18;

/** Sizes that must be known. @throws E_UNSUPPORTED where one is dynamic */
export function fixedDims(node: Node, dims: readonly Dim[]): number[] {
  return dims.map((d) => {
    if (typeof d !== 'number')
      throw refuse(
        node,
        `has a dynamic size (${d ?? 'unknown'})`,
        'export the model with fixed sizes but for the batch',
      );
    return d;
  });
}

/** A node's `axis`, in [0, rank). @throws E_UNSUPPORTED where it is outside */
export function axisOf(node: Node, rank: number, fallback: number): number {
  const given = intOf(node, 'axis', fallback);
  const axis = given < 0 ? given + rank : given;
  if (!Number.isInteger(axis) || axis < 0 || axis >= rank) throw refuse(node, `has axis ${given} of ${rank}`);
  return axis;
}

/** A shape for Reshape: `shape` with `size` at `axis`, in which one size may be dynamic. */
export function sizesWith(node: Node, shape: readonly Dim[], axis: number, size: number): number[] {
  return oneOpen(
    node,
    shape.map((d, i) => (i === axis ? size : d)),
  );
}

/** A shape for Reshape, in which one size may be dynamic (−1). @throws E_UNSUPPORTED where two are */
export function oneOpen(node: Node, shape: readonly Dim[]): number[] {
  if (shape.filter((d) => typeof d !== 'number').length > 1)
    throw refuse(node, 'has two dynamic sizes', 'export the model with fixed sizes but for the batch');
  return shape.map((d) => (typeof d === 'number' ? d : -1));
}

/** A node that cannot be differentiated, and why. */
export const refuse = (node: Node, why: string, remedy?: string): TouchstoneError =>
  new TouchstoneError(
    'E_UNSUPPORTED',
    `no gradient through ${nodeLabel(node)}: it ${why}`,
    undefined,
    remedy,
  );

/** Whether a permutation only exchanges the last two axes. */
export const swapsLastTwo = (perm: readonly number[]): boolean => {
  const rank = perm.length;
  return rank >= 2 && perm.every((p, i) => p === (i < rank - 2 ? i : 2 * rank - 3 - i));
};

/** Matrices transposed; one that is a transposed matrix already is taken as it was. */
export function lastTwoSwapped(t: Tape, v: Value): Value {
  const rank = t.shape(v).length;
  const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const before = t.b.producer(v);
  if (before?.op === 'Transpose' && swapsLastTwo(intsOf(before, 'perm') ?? [])) return before.inputs[0]!;
  return t.b.transpose(v, perm);
}
