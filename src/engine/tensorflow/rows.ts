import * as tf from '@tensorflow/tfjs-core';
import { productOf } from './tensors.ts';

type Save = (tensors: tf.Tensor[]) => void;

/**
 * A value with a gradient of its own.
 *
 * @param inputs what it is differentiated by
 * @param kept what the gradient is computed from: what else was there is freed by then
 * @param gradient from that of the value to those of the inputs
 */
export const withGradient = (
  inputs: readonly tf.Tensor[],
  kept: readonly tf.Tensor[],
  value: () => tf.Tensor,
  gradient: (dy: tf.Tensor, kept: readonly tf.Tensor[]) => tf.Tensor[],
): tf.Tensor =>
  tf.customGrad((...given) => {
    (given.at(-1) as Save)([...kept]);
    return { value: value(), gradFunc: gradient };
  })(...inputs);

/**
 * Rows of x. A row's gradient is added to where it came from. (tf.gatherND has none; that of tf.gather is, in JavaScript,
 * one pass over everything per row of x.)
 *
 * @param x [R, inner]
 * @param at [n, 1], int32 within [0, R)
 * @returns [n, inner]
 */
export function rowsAt(x: tf.Tensor, at: tf.Tensor): tf.Tensor {
  const [count, inner] = x.shape as [number, number];
  const n = at.shape[0]!;
  if (n * inner === 0) return tf.zeros([n, inner], x.dtype);
  return withGradient(
    [x],
    [at],
    () => tf.gatherND(x, at),
    (dy, [from]) => [tf.scatterND(from!, dy, [count, inner])],
  );
}

/**
 * Rows added up: the transpose of {@link rowsAt}.
 *
 * @param rows [n, inner]
 * @param at [n, 1], int32 within [0, R)
 * @returns [R, inner], zero where nothing was added
 */
export function rowsAdded(rows: tf.Tensor, at: tf.Tensor, count: number): tf.Tensor {
  const inner = rows.shape[1]!;
  if (rows.size === 0) return tf.zeros([count, inner], rows.dtype);
  return withGradient(
    [rows],
    [at],
    () => tf.scatterND(at, rows, [count, inner]),
    (dy, [to]) => [tf.gatherND(dy, to!)],
  );
}

/**
 * x, [R, inner], with its rows at `at` replaced: picked from both, one below the other. The gradient goes to whichever is
 * there. (tf.tensorScatterUpdate has none, and changes its input where it runs in JavaScript: it may have that of a range.)
 */
export function rowsReplaced(x: tf.Tensor, at: tf.Tensor, rows: tf.Tensor): tf.Tensor {
  const [count, n] = [x.shape[0]!, rows.shape[0]!];
  if (rows.size === 0) return tf.clone(x);
  const own = tf.range(0, count, 1, 'int32');
  const picked = tf.tensorScatterUpdate(own, at, tf.range(count, count + n, 1, 'int32'));
  return rowsAt(tf.concat([x, rows], 0), tf.reshape(picked, [count, 1]));
}

/** What stands along an axis at the positions `at`, [n, 1]. */
export function slabsAt(x: tf.Tensor, axis: number, at: tf.Tensor): tf.Tensor {
  const { shape } = x;
  const [outer, size, inner] = [
    productOf(shape.slice(0, axis)),
    shape[axis]!,
    productOf(shape.slice(axis + 1)),
  ];
  const n = at.shape[0]!;
  const slabs = tf.transpose(tf.reshape(x, [outer, size, inner]), [1, 0, 2]);
  const picked = rowsAt(tf.reshape(slabs, [size, outer * inner]), at);
  const back = tf.transpose(tf.reshape(picked, [n, outer, inner]), [1, 0, 2]);
  return tf.reshape(back, shape.with(axis, n));
}

/** Axis `axis` moved to the end, and back. */
export function lastAxis(rank: number, axis: number): { there: number[]; back: number[] } {
  const there = [...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis), axis];
  return { there, back: there.map((_, i) => there.indexOf(i)) };
}

/** An axis in [0, rank). The shape rules have refused others. */
export const counted = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

export const integer = (value: number): tf.Scalar => tf.scalar(value, 'int32');
