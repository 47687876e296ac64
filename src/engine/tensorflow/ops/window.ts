import * as tf from '@tensorflow/tfjs-core';
import { type Window, windowOf } from '../../../graph/index.ts';
import type { Call } from '../call.ts';
import { padded, productOf } from '../tensors.ts';

/** How a window slides over a channels-last tensor: what is padded before and after each spatial axis. */
export interface Sliding extends Window {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** The spatial size of the output. */
  readonly out: readonly number[];
  /** Whether the pads are those of TensorFlow's 'same'. */
  readonly same: boolean;
}

/** The window of a Conv or a pooling on input 0. Pads that no window reaches are left out. */
export function slidingOf(c: Call, kernel?: readonly number[]): Sliding {
  const size = c.shape().slice(2);
  const w = windowOf(c.node, size, kernel);
  const out = c.out().slice(2);
  const before = w.pads.slice(0, size.length);
  const given = w.pads.slice(size.length);
  const span = w.kernel.map((k, a) => w.dilations[a]! * (k - 1) + 1);
  const reached = size.map((n, a) => (out[a]! - 1) * w.strides[a]! + span[a]! - n - before[a]!);
  // What a stride leaves over at the end is cut only where pads cut, too.
  const after = reached.map((r, a) => (given[a]! >= 0 ? Math.max(0, r) : r));
  const same = size.every((n, a) => {
    const total = Math.max(0, (Math.ceil(n / w.strides[a]!) - 1) * w.strides[a]! + span[a]! - n);
    return before[a] === Math.floor(total / 2) && after[a] === total - Math.floor(total / 2);
  });
  return { ...w, before, after, out, same };
}

/** The tensor with its pads, and how TensorFlow is to pad it further. Only `same` and `valid` have gradients. */
export function paddedFor(x: tf.Tensor, w: Sliding, value = 0): { x: tf.Tensor; pad: 'same' | 'valid' } {
  if (w.same) return { x, pad: 'same' };
  return { x: padded(x, [0, ...w.before, 0], [0, ...w.after, 0], value), pad: 'valid' };
}

/** A signal `[N, L, C]` as an image of one row. */
export const asImage = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [x.shape[0]!, 1, ...x.shape.slice(1)]);
export const asSignal = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [x.shape[0]!, ...x.shape.slice(2)]);

/** Every n-th position of each spatial axis, from the first on. (tf.stridedSlice has no gradient.) */
export function everyNth(x: tf.Tensor, strides: readonly number[]): tf.Tensor {
  let t = x;
  for (const [a, stride] of strides.entries()) {
    if (stride === 1) continue;
    const axis = a + 1;
    const size = t.shape[axis]!;
    const count = Math.ceil(size / stride);
    const outer = productOf(t.shape.slice(0, axis)) * count;
    const inner = productOf(t.shape.slice(axis + 1));
    const none = t.shape.map(() => 0);
    const whole = padded(t, none, none.with(axis, count * stride - size));
    const first = tf.slice(tf.reshape(whole, [outer, stride * inner]), [0, 0], [outer, inner]);
    t = tf.reshape(first, t.shape.with(axis, count));
  }
  return t;
}

/** Zeros between the elements of each of the axes given, `by` − 1 of them: what a dilated kernel or a stride stands for. */
export function spacedOut(x: tf.Tensor, axes: readonly number[], by: readonly number[]): tf.Tensor {
  let t = x;
  for (const [i, axis] of axes.entries()) {
    const [d, n] = [by[i]!, t.shape[axis]!];
    if (d === 1 || n === 1) continue;
    const outer = productOf(t.shape.slice(0, axis));
    const inner = productOf(t.shape.slice(axis + 1));
    const spaced = tf.pad(tf.reshape(t, [outer, n, 1, inner]), [
      [0, 0],
      [0, 0],
      [0, d - 1],
      [0, 0],
    ]);
    const length = (n - 1) * d + 1;
    const flat = tf.slice(tf.reshape(spaced, [outer, n * d, inner]), [0, 0, 0], [outer, length, inner]);
    t = tf.reshape(flat, t.shape.with(axis, length));
  }
  return t;
}
