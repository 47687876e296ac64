import { TouchstoneError } from '../errors.ts';
import {
  type Dim,
  type GraphBuilder,
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
  readonly #needed: (value: Value) => boolean;

  constructor(b: GraphBuilder, emitter: Emitter, needed: (value: Value) => boolean) {
    this.b = b;
    this.emitter = emitter;
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

  /** The sizes of a 4-D value, of which all but the batch must be fixed. */
  sizes(value: Value, node: Node): { channels: number; size: [number, number] } {
    const [, c, h, w] = this.b.shape(value);
    if (typeof c !== 'number' || typeof h !== 'number' || typeof w !== 'number')
      throw refuse(node, 'has symbolic channel or spatial sizes', 'export the model with fixed ones');
    return { channels: c, size: [h, w] };
  }

  add(a: Value, b: Value): Value {
    return this.b.op('Add', [a, b]);
  }

  mul(a: Value, b: Value | number): Value {
    if (b === 1) return a;
    return this.b.op('Mul', [a, typeof b === 'number' ? this.b.scalar(b) : b]);
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

  /** 1 where `y > 0`, else 0, in an operator that the blocked layout has; `y` is the output of a Relu. */
  positive(y: Value): Value {
    return this.b.op('HardSigmoid', [y], {
      alpha: { type: 'float', value: 2 ** 100 },
      beta: { type: 'float', value: 0 },
    });
  }

  /**
   * Enters onnxruntime's blocked layout (an identity MaxPool), so that the masks and convolutions that
   * follow need no reordering each.
   */
  blocked(value: Value): Value {
    const channels = this.b.shape(value)[1];
    if (this.emitter !== 'cpu' || typeof channels !== 'number' || channels % 16 !== 0) return value;
    return this.b.op('MaxPool', [value], { kernel_shape: [1, 1] });
  }

  /** Makes `value`, whose `axes` have size 1, as large as `like` along them. */
  expandLike(value: Value, like: Value, axes: readonly number[]): Value {
    const shape = this.b.shape(like);
    if (axes.every((a) => typeof shape[a] === 'number')) {
      const ones = shape.map((d, i) => (axes.includes(i) ? (d as number) : 1));
      const count = ones.reduce((p, d) => p * d, 1);
      if (count === 1) return value;
      return this.mul(value, this.b.floats(new Float32Array(count).fill(1), ones));
    }
    return this.b.op('Expand', [value, this.b.op('Shape', [like])]);
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

/** A node that cannot be differentiated, and why. */
export const refuse = (node: Node, why: string, remedy?: string): TouchstoneError =>
  new TouchstoneError(
    'E_UNSUPPORTED',
    `no gradient through ${nodeLabel(node)}: it ${why}`,
    undefined,
    remedy,
  );
