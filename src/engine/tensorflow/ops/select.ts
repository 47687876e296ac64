import * as tf from '@tensorflow/tfjs-core';
import type { TfOp } from '../call.ts';
import { counted, integer, lastAxis, rowsAt } from '../rows.ts';
import { untaped } from '../tensors.ts';

type Arg = (x: tf.Tensor, axis: number) => tf.Tensor;

/** Of equals the first one, or, mirrored, the last. */
const arg =
  (f: Arg): TfOp =>
  (c) => {
    const x = c.x();
    const axis = counted(c.int('axis', 0), x.rank);
    const last = c.int('select_last_index', 0) !== 0;
    return untaped(() => {
      const at = f(last ? tf.reverse(x, axis) : x, axis);
      return tf.reshape(last ? tf.sub(integer(x.shape[axis]! - 1), at) : at, c.out());
    });
  };

export const ArgMax = arg((x, axis) => tf.argMax(x, axis));
export const ArgMin = arg((x, axis) => tf.argMin(x, axis));

/** Whether each position of a new axis is the one that an index names. */
function pointedOut(at: tf.Tensor, axis: number, depth: number): tf.Tensor {
  const positions = new Array<number>(at.rank + 1).fill(1).with(axis, depth);
  return tf.equal(tf.reshape(tf.range(0, depth, 1, 'int32'), positions), tf.expandDims(at, axis));
}

/** 1 at the first of the largest. */
export const Hardmax: TfOp = (c) => {
  const x = c.x();
  const axis = counted(c.int('axis', -1), x.rank);
  return untaped(() => tf.cast(pointedOut(tf.argMax(x, axis), axis, x.shape[axis]!), 'float32'));
};

/** values[1] where an index points, values[0] elsewhere; an index beyond the depth points nowhere. */
export const OneHot: TfOp = (c) => {
  const shape = c.out();
  const axis = counted(c.int('axis', -1), shape.length);
  const depth = shape[axis]!;
  return untaped(() => {
    // An index may be written as a float, which is truncated.
    const index = tf.cast(c.x(0), 'int32');
    const at = tf.where(tf.less(index, integer(0)), tf.add(index, integer(depth)), index);
    const [off, on] = [0, 1].map((i) => tf.reshape(tf.slice(c.x(2), i, 1), [])) as [tf.Scalar, tf.Scalar];
    return tf.where(pointedOut(at, axis, depth), on, off);
  });
};

/** Such that the smallest are the largest. −1 − i is there for every integer; −i is not. */
const inverted = (x: tf.Tensor): tf.Tensor => (x.dtype === 'int32' ? tf.sub(integer(-1), x) : tf.neg(x));

/** The k largest or smallest, in order, of equals the first first; with their positions. */
export const TopK: TfOp = (c) => {
  const axis = counted(c.int('axis', -1), c.shape().length);
  const { there, back } = lastAxis(c.shape().length, axis);
  const x = tf.transpose(c.x(), there);
  const k = c.out()[axis]!;
  const size = x.shape.at(-1)!;
  const lines = size > 0 ? x.size / size : 0;
  const index = untaped(() => tf.topk(c.int('largest', 1) !== 0 ? x : inverted(x), k).indices);
  const from = tf.mul(tf.range(0, lines, 1, 'int32'), integer(size));
  const at = tf.add(tf.reshape(index, [lines, k]), tf.reshape(from, [lines, 1]));
  const values = rowsAt(tf.reshape(x, [x.size, 1]), tf.reshape(at, [lines * k, 1]));
  return [tf.transpose(tf.reshape(values, index.shape), back), tf.transpose(index, back)];
};
