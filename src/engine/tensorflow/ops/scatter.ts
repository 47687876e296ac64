import * as tf from '@tensorflow/tfjs-core';
import { stringOf } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { rowsAdded, rowsAt, rowsReplaced } from '../rows.ts';
import { pointed, tuples } from './gather.ts';

type Combine = (so: tf.Tensor, update: tf.Tensor) => tf.Tensor;

const COMBINED: ReadonlyMap<string, Combine> = new Map<string, Combine>([
  ['mul', tf.mul],
  ['max', tf.maximum],
  ['min', tf.minimum],
]);

/** Data, [R, inner], combined with updates, [n, inner], at the rows `at`, [n, 1], as the node's `reduction` says. */
function scattered(c: Call, x: tf.Tensor, at: tf.Tensor, updates: tf.Tensor): tf.Tensor {
  const reduction = stringOf(c.node, 'reduction', 'none');
  if (reduction === 'none') return rowsReplaced(x, at, updates);
  if (reduction === 'add') return tf.add(x, rowsAdded(updates, at, x.shape[0]!));
  const combine = COMBINED.get(reduction);
  if (!combine) throw c.unsupported(`reduction ${reduction}`, 'none, add, mul, max or min');
  return inTurns(x, at, updates, combine);
}

/** The first updates of all rows, then the second, …: none of a turn meet, so that each is replacing rows. */
function inTurns(x: tf.Tensor, at: tf.Tensor, updates: tf.Tensor, combine: Combine): tf.Tensor {
  const turns: number[][] = [];
  const seen = new Map<number, number>();
  for (const [i, row] of at.dataSync().entries()) {
    const turn = seen.get(row) ?? 0;
    seen.set(row, turn + 1);
    const others = turns[turn];
    if (others) others.push(i);
    else turns.push([i]);
  }
  let y = x;
  for (const turn of turns) {
    const mine = tf.tensor2d(turn, [turn.length, 1], 'int32');
    const rows = tf.gatherND(at, mine);
    y = rowsReplaced(y, rows, combine(rowsAt(y, rows), rowsAt(updates, mine)));
  }
  return y === x ? tf.clone(x) : y;
}

export const ScatterElements: TfOp = (c) => {
  const [x, updates] = [c.x(0), c.x(2)];
  const flat = scattered(c, tf.reshape(x, [x.size, 1]), pointed(c), tf.reshape(updates, [updates.size, 1]));
  return tf.reshape(flat, c.out());
};

export const ScatterND: TfOp = (c) => {
  const { at, rows, inner } = tuples(c, 0);
  const updates = tf.reshape(c.x(2), [at.size, inner]);
  return tf.reshape(scattered(c, tf.reshape(c.x(0), [rows, inner]), at, updates), c.out());
};
