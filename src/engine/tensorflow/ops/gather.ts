import * as tf from '@tensorflow/tfjs-core';
import { TouchstoneError } from '../../../errors.ts';
import { formatShape, nodeLabel } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { counted, integer, rowsAt, slabsAt } from '../rows.ts';
import { productOf } from '../tensors.ts';

/**
 * Input 1, indices, within [0, size): those counted from the end resolved.
 *
 * @param sizes of the axis, or of the axes that tuples (the last axis of the indices) point to
 * @throws E_RANGE where they are known and beyond it
 */
function resolved(c: Call, sizes: readonly number[]): tf.Tensor {
  const index = c.held(1);
  for (const [i, v] of index.known()?.data.entries() ?? []) {
    const size = sizes[i % sizes.length]!;
    if (!(v >= -size && v < size))
      throw new TouchstoneError(
        'E_RANGE',
        `${nodeLabel(c.node)} has index ${v}`,
        `one within [${-size}, ${size})`,
      );
  }
  return index.form(`within ${sizes}`, (at) =>
    tf.where(tf.less(at, integer(0)), tf.add(at, tf.tensor1d([...sizes], 'int32')), at),
  );
}

const inRows = (at: tf.Tensor): tf.Tensor => tf.reshape(at, [at.size, 1]);

/** How far apart neighbours along each axis are, row-major. */
const stridesOf = (shape: readonly number[]): number[] => shape.map((_, i) => productOf(shape.slice(i + 1)));

export const Gather: TfOp = (c) => {
  const x = c.x();
  const axis = counted(c.int('axis', 0), x.rank);
  return tf.reshape(slabsAt(x, axis, inRows(resolved(c, [x.shape[axis]!]))), c.out());
};

/**
 * Where each element of the indices points in the flattened data: its own coordinates, but on `axis`, where it is the
 * coordinate. [n, 1]
 */
export function pointed(c: Call): tf.Tensor {
  const [shape, of] = [c.shape(0), c.shape(1)];
  const axis = counted(c.int('axis', 0), shape.length);
  if (of.some((d, a) => a !== axis && d > shape[a]!))
    throw new TouchstoneError(
      'E_SHAPE',
      `${nodeLabel(c.node)} got indices of shape ${formatShape(of)}`,
      `at most ${formatShape(shape)} but on axis ${axis}`,
    );
  const strides = stridesOf(shape);
  let at = tf.mul(resolved(c, [shape[axis]!]), integer(strides[axis]!));
  for (const [a, size] of of.entries()) {
    if (a === axis || size === 1) continue;
    const along = tf.mul(tf.range(0, size, 1, 'int32'), integer(strides[a]!));
    at = tf.add(
      at,
      tf.reshape(
        along,
        of.map((_, i) => (i === a ? size : 1)),
      ),
    );
  }
  return inRows(at);
}

export const GatherElements: TfOp = (c) => {
  const x = c.x();
  return tf.reshape(rowsAt(tf.reshape(x, [x.size, 1]), pointed(c)), c.out());
};

/**
 * Which slices of the data the index tuples point to, where the data is `[rows, inner]`; `batch` leading axes are common.
 * [n, 1]
 */
export function tuples(c: Call, batch: number): { at: tf.Tensor; rows: number; inner: number } {
  const [shape, of] = [c.shape(0), c.shape(1)];
  const depth = of.at(-1)!;
  const sizes = shape.slice(batch, batch + depth);
  const slices = productOf(sizes);
  const batches = productOf(shape.slice(0, batch));
  const strides = tf.tensor1d(stridesOf(sizes), 'int32');
  const within =
    depth > 0 ? tf.sum(tf.mul(resolved(c, sizes), strides), -1) : tf.zeros(of.slice(0, -1), 'int32');
  // [B, queries], each batch behind the one before.
  const each = tf.reshape(within, [batches, batches > 0 ? within.size / batches : 0]);
  const from = tf.mul(tf.range(0, batches, 1, 'int32'), integer(slices));
  return {
    at: inRows(tf.add(each, tf.reshape(from, [batches, 1]))),
    rows: batches * slices,
    inner: productOf(shape.slice(batch + depth)),
  };
}

export const GatherND: TfOp = (c) => {
  const { at, rows, inner } = tuples(c, c.int('batch_dims', 0));
  return tf.reshape(rowsAt(tf.reshape(c.x(), [rows, inner]), at), c.out());
};
