import * as tf from '@tensorflow/tfjs-core';
import { Held, toFirst } from './held.ts';

/** A value in the layout it has, and where ONNX's axes are in it. */
export interface Laid {
  readonly t: tf.Tensor;
  /** The tensor's axis that is ONNX's axis `a`. */
  axis(a: number): number;
  /** A tensor of the same layout as a value of a graph. */
  hold(t: tf.Tensor): Held;
}

/** @param last whether to have the channels last; by default as they are */
export function laid(h: Held, last = h.isLast): Laid {
  if (!last) return { t: h.plain(), axis: (a) => a, hold: (t) => Held.plain(h.dtype, t) };
  const where = toFirst(h.rank);
  return { t: h.last(), axis: (a) => where[a]!, hold: (t) => Held.last(h.dtype, t) };
}

/** What is computed apart from the tape: no gradient flows back, and no operator in it needs one. */
export const untaped = (f: () => tf.Tensor): tf.Tensor =>
  tf.customGrad(() => ({ value: f(), gradFunc: () => [] }))();

/** A function that no gradient flows back through. */
export const stopped =
  (f: (x: tf.Tensor) => tf.Tensor) =>
  (x: tf.Tensor): tf.Tensor =>
    untaped(() => f(x));

/** Steps whose gradient is taken as if they were not there (the straight-through estimator). */
export function straightThrough(f: (x: tf.Tensor) => tf.Tensor): (x: tf.Tensor) => tf.Tensor {
  return tf.customGrad((x) => ({ value: f(x as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy })) as (
    x: tf.Tensor,
  ) => tf.Tensor;
}

/** Repeated along axes of size 1. (tf.broadcastTo is a tile, whose gradient ends at rank 4.) */
export function expanded(t: tf.Tensor, shape: readonly number[]): tf.Tensor {
  if (t.dtype === 'float32') return tf.add(t, tf.zeros([...shape]));
  return tf.broadcastTo(t, [...shape]);
}

/** Zeros (or another value) before and after each axis; negative numbers cut. */
export function padded(
  t: tf.Tensor,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): tf.Tensor {
  const cut = before.some((b) => b < 0) || after.some((a) => a < 0);
  const grow = before.some((b) => b > 0) || after.some((a) => a > 0);
  const inner = cut
    ? tf.slice(
        t,
        before.map((b) => Math.max(0, -b)),
        t.shape.map((n, i) => n - Math.max(0, -before[i]!) - Math.max(0, -after[i]!)),
      )
    : t;
  if (!grow) return inner;
  return tf.pad(
    inner,
    before.map((b, i) => [Math.max(0, b), Math.max(0, after[i]!)] as [number, number]),
    value,
  );
}

/** The elements at `indices` of one axis. */
export const taken = (t: tf.Tensor, axis: number, indices: readonly number[]): tf.Tensor =>
  tf.gather(t, tf.tensor1d([...indices], 'int32'), axis);

export const productOf = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
