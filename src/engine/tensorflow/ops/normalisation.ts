import * as tf from '@tensorflow/tfjs-core';
import type { TfOp } from '../call.ts';
import { Held } from '../held.ts';
import { laid } from '../tensors.ts';

/** One number per channel, beside a tensor whose channels are behind (or which is [N, C]). */
const perChannel = (h: Held): tf.Tensor => h.plain();

/** Channels are the last axis either way: of rank 2, too. */
const channelsLast = (h: Held): { t: tf.Tensor; hold(t: tf.Tensor): Held } => laid(h, h.rank > 2);

interface Moments {
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

/** With the variance of the sample itself, not Bessel's. */
function momentsOf(x: tf.Tensor, axes: number[], keepDims = false): Moments {
  const mean = tf.mean(x, axes, true);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), axes, keepDims);
  return { mean: keepDims ? mean : tf.squeeze(mean, axes), variance };
}

/** (x − μ)/√(σ² + ε)·scale + bias, as one product and one sum. */
function normalised(
  x: tf.Tensor,
  { mean, variance }: Moments,
  scale: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
) {
  const factor = tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(x, factor), tf.sub(bias, tf.mul(mean, factor)));
}

/** By its running statistics; in training mode by the batch's, which then move the running ones. */
export const BatchNormalization: TfOp = (c) => {
  const x = channelsLast(c.held(0));
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => perChannel(c.held(i))) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const epsilon = c.float('epsilon', 1e-5);
  if (c.int('training_mode', 0) === 0)
    return x.hold(normalised(x.t, { mean, variance }, scale, bias, epsilon));
  const momentum = c.float('momentum', 0.9);
  const batch = momentsOf(
    x.t,
    x.t.shape.slice(1).map((_, a) => a),
  );
  const moved = (running: tf.Tensor, now: tf.Tensor) =>
    Held.plain('float32', tf.add(tf.mul(running, momentum), tf.mul(now, 1 - momentum)));
  return [
    x.hold(normalised(x.t, batch, scale, bias, epsilon)),
    moved(mean, batch.mean),
    moved(variance, batch.variance),
  ];
};

/** Each channel of each image by its own moments. */
export const InstanceNormalization: TfOp = (c) => {
  const x = channelsLast(c.held(0));
  const spatial = x.t.shape.slice(2).map((_, a) => a + 1);
  const moments = momentsOf(x.t, spatial, true);
  return x.hold(normalised(x.t, moments, c.x(1), c.x(2), c.float('epsilon', 1e-5)));
};

/** Over all axes from `axis` on; the mean and 1/√(σ² + ε) as further outputs. */
export const LayerNormalization: TfOp = (c) => {
  const x = c.x();
  const axis = c.int('axis', -1);
  const axes = x.shape.map((_, a) => a).slice(axis < 0 ? axis + x.rank : axis);
  const { mean, variance } = momentsOf(x, axes, true);
  const inverse = tf.rsqrt(tf.add(variance, c.float('epsilon', 1e-5)));
  const scaled = tf.mul(tf.mul(tf.sub(x, mean), inverse), c.x(1));
  return [c.has(2) ? tf.add(scaled, c.x(2)) : scaled, mean, inverse];
};
