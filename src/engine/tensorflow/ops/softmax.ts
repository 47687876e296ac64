import * as tf from '@tensorflow/tfjs-core';
import { intOf, stringOf } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { Held, hasChannels } from '../held.ts';
import { counted, integer, lastAxis, rowsAt } from '../rows.ts';

type Normaliser = (x: tf.Tensor) => tf.Tensor;

/** tfjs normalises along the last axis: channels have it where they are last, others are moved there. */
const normaliser =
  (f: Normaliser): TfOp =>
  (c) => {
    const x = c.held(0);
    const axis = counted(c.int('axis', -1), x.rank);
    if (axis === 1 && x.isLast) return Held.last(x.dtype, f(x.last()));
    if (axis === x.rank - 1) return f(x.plain());
    const { there, back } = lastAxis(x.rank, axis);
    return tf.transpose(f(tf.transpose(x.plain(), there)), back);
  };

export const Softmax = normaliser((x) => tf.softmax(x));
export const LogSoftmax = normaliser((x) => tf.logSoftmax(x));

/**
 * −w[t]·log softmax(x)[t] per position, added up or averaged by the weights; labels that are `ignore_index` count nothing.
 * The second output is the log-probabilities. A label that is no class gives NaN.
 */
export const SoftmaxCrossEntropyLoss: TfOp = (c) => {
  const scores = c.held(0);
  const classes = scores.shape[1]!;
  const { there, back } = lastAxis(scores.rank, 1);
  const channels = hasChannels(scores.shape);
  const logs = tf.logSoftmax(channels ? scores.last() : tf.transpose(scores.plain(), there));
  const labels = tf.cast(tf.reshape(c.x(1), [c.x(1).size]), 'int32');
  const { losses, weights } = perLabel(c, tf.reshape(logs, [labels.size, classes]), labels);
  const probabilities = channels ? Held.last(scores.dtype, logs) : tf.transpose(logs, back);
  return [reduced(c, losses, weights), probabilities];
};

/** Losses and their weights by position, [P]: both zero where the label is ignored. */
function perLabel(c: Call, logs: tf.Tensor, labels: tf.Tensor): { losses: tf.Tensor; weights: tf.Tensor } {
  const [count, classes] = logs.shape as [number, number];
  const isClass = tf.logicalAnd(tf.greaterEqual(labels, integer(0)), tf.less(labels, integer(classes)));
  const safe = tf.where(isClass, labels, integer(0));
  const ignored = c.node.attributes.has('ignore_index')
    ? tf.equal(labels, integer(intOf(c.node, 'ignore_index', 0)))
    : tf.zeros([count], 'bool');
  const at = tf.add(tf.mul(tf.range(0, count, 1, 'int32'), integer(classes)), safe);
  const picked = tf.reshape(rowsAt(tf.reshape(logs, [count * classes, 1]), tf.reshape(at, [count, 1])), [
    count,
  ]);
  const own = c.has(2)
    ? tf.reshape(rowsAt(tf.reshape(c.x(2), [classes, 1]), tf.reshape(safe, [count, 1])), [count])
    : tf.ones([count]);
  const weights = tf.where(ignored, tf.zeros([count]), own);
  const losses = tf.where(isClass, tf.neg(tf.mul(own, picked)), tf.fill([count], Number.NaN));
  return { losses: tf.where(ignored, tf.zeros([count]), losses), weights };
}

function reduced(c: Call, losses: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  const reduction = stringOf(c.node, 'reduction', 'mean');
  if (reduction === 'none') return tf.reshape(losses, c.out());
  const total = tf.sum(losses);
  return reduction === 'sum' ? total : tf.div(total, tf.sum(weights));
}
