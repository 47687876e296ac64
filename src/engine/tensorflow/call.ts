import * as tf from '@tensorflow/tfjs-core';
import { TouchstoneError } from '../../errors.ts';
import {
  floatOf,
  inferNode,
  intOf,
  intsOf,
  type Node,
  nodeLabel,
  OPSET,
  type ShapeContext,
  type Tensor,
  type TensorType,
  tensorOf,
} from '../../graph/index.ts';
import { Held, toLast } from './held.ts';

/** One output: a tensor in ONNX's order of axes, or a value in whichever form it was computed. */
export type Output = tf.Tensor | Held;

/** One ONNX operator in tfjs operators that `tf.grads` differentiates. */
export type TfOp = (c: Call) => Output | readonly (Output | undefined)[];

/** A node and its inputs while a graph runs. Shapes are known: it is a context for shape rules, too. */
export class Call implements ShapeContext {
  readonly node: Node;
  readonly opset = OPSET;
  readonly #inputs: readonly (Held | undefined)[];
  #types: readonly TensorType[] | undefined;

  constructor(node: Node, inputs: readonly (Held | undefined)[]) {
    this.node = node;
    this.#inputs = inputs;
  }

  /** Input `i` in any form. @throws E_ONNX where it is left out */
  held(i: number): Held {
    const held = this.#inputs[i];
    if (held) return held;
    throw new TouchstoneError(
      'E_ONNX',
      `${nodeLabel(this.node)} without its input ${i}`,
      'all that its operator requires',
    );
  }

  optional(i: number): Held | undefined {
    return this.#inputs[i];
  }

  /** All inputs that are not left out. */
  all(): Held[] {
    return this.#inputs.filter((h) => h !== undefined);
  }

  /** Input `i` on the device, its axes in ONNX's order. */
  x(i = 0): tf.Tensor {
    return this.held(i).plain();
  }

  /** The shape of input `i`, channels first. */
  shape(i = 0): number[] {
    return [...this.held(i).shape];
  }

  /** The elements of input `i`, read from the device where they are not known here. */
  values(i: number): number[] {
    return Array.from(this.held(i).read().data);
  }

  /** Whether input `i` is there (as shape rules ask). */
  has(i: number): boolean {
    return this.#inputs[i] !== undefined;
  }

  input(i: number): TensorType & { readonly shape: readonly number[] } {
    const { dtype, shape } = this.held(i);
    return { dtype, shape };
  }

  /** The value of an input that a shape rule asks for: axes, sizes, pads. */
  constant(i: number): Tensor | undefined {
    const held = this.#inputs[i];
    return held && tensorOf(held.read());
  }

  dims(i: number): readonly number[] | undefined {
    const held = this.#inputs[i];
    return held && held.rank <= 1 ? Array.from(held.read().data) : undefined;
  }

  /** The type of output `k`, by the operator's shape rule. */
  type(k = 0): TensorType {
    this.#types ??= inferNode(this);
    return this.#types[k]!;
  }

  /** The shape of output `k`. */
  out(k = 0): number[] {
    return this.type(k).shape.map((d) => {
      if (typeof d === 'number') return d;
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `${nodeLabel(this.node)}: its shape follows from its data`,
        'one that follows from shapes',
      );
    });
  }

  int(name: string, fallback: number): number {
    return intOf(this.node, name, fallback);
  }

  float(name: string, fallback: number): number {
    return floatOf(this.node, name, fallback);
  }

  ints(name: string): readonly number[] | undefined {
    return intsOf(this.node, name);
  }

  /** What this engine has no tfjs operators for. */
  unsupported(what: string, expected?: string): TouchstoneError {
    return new TouchstoneError(
      'E_UNSUPPORTED',
      `the tensorflow engine cannot run ${nodeLabel(this.node)}: ${what}`,
      expected,
      'use --engine onnxruntime',
    );
  }

  /** The result of an elementwise operator on input 0, in the layout that input has. */
  map(f: (x: tf.Tensor) => tf.Tensor): Held {
    const x = this.held(0);
    const { dtype } = this.type();
    return x.isLast ? Held.last(dtype, f(x.last())) : Held.plain(dtype, f(x.plain()));
  }

  /**
   * The result of an elementwise operator on all inputs, which are broadcast. Channels stay last where one of the inputs
   * with the most axes has them so.
   */
  zip(f: (...inputs: tf.Tensor[]) => tf.Tensor): Held {
    const inputs = this.all();
    const rank = Math.max(...inputs.map((h) => h.rank));
    const { dtype } = this.type();
    if (!inputs.some((h) => h.isLast && h.rank === rank))
      return Held.plain(dtype, f(...inputs.map((h) => h.plain())));
    return Held.last(dtype, f(...inputs.map((h) => alignedLast(h, rank))));
  }
}

/** A value to be broadcast to one of `rank` axes whose channels are last. */
function alignedLast(h: Held, rank: number): tf.Tensor {
  if (h.rank === rank) return h.last();
  if (h.shape.every((d) => d === 1)) return h.form('scalar', (t) => tf.reshape(t, []));
  // [C, 1, …] and [H, W] stand for [1, C, 1, …] and [1, 1, H, W].
  const padded = [...new Array<number>(rank - h.rank).fill(1), ...h.shape];
  return h.form(`last of ${rank}`, (t) => tf.transpose(tf.reshape(t, padded), toLast(rank)));
}
