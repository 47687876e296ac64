import * as tf from '@tensorflow/tfjs-core';
import { stringOf } from '../../../graph/index.ts';
import type { TfOp } from '../call.ts';

export const Relu: TfOp = (c) => c.map(tf.relu);
export const Sigmoid: TfOp = (c) => c.map(tf.sigmoid);
export const Softplus: TfOp = (c) => c.map(tf.softplus);
export const Tanh: TfOp = (c) => c.map(tf.tanh);

const negative = (x: tf.Tensor): tf.Tensor => tf.minimum(x, 0);

/** x, or αx below 0. */
export const LeakyRelu: TfOp = (c) => {
  const alpha = c.float('alpha', 0.01);
  return c.map((x) => tf.leakyRelu(x, alpha));
};

export const PRelu: TfOp = (c) => c.zip((x, slope) => tf.add(tf.relu(x!), tf.mul(slope!, negative(x!))));

/** x, or α(eˣ − 1) below 0. */
export const Elu: TfOp = (c) => {
  const alpha = c.float('alpha', 1);
  return c.map((x) => tf.add(tf.relu(x), tf.mul(alpha, tf.expm1(negative(x)))));
};

/** γx, or γα(eˣ − 1) below 0. */
export const Selu: TfOp = (c) => {
  const [alpha, gamma] = [c.float('alpha', 1.6732632423543772), c.float('gamma', 1.0507009873554805)];
  return c.map((x) => tf.add(tf.mul(gamma, tf.relu(x)), tf.mul(gamma * alpha, tf.expm1(negative(x)))));
};

/** max(0, min(1, αx + β)) */
export const HardSigmoid: TfOp = (c) => {
  const [alpha, beta] = [c.float('alpha', 0.2), c.float('beta', 0.5)];
  return c.map((x) => tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1));
};

/** ½x(1 + erf(x/√2)), or its approximation by tanh. */
export const Gelu: TfOp = (c) => {
  if (stringOf(c.node, 'approximate', 'none') !== 'tanh')
    return c.map((x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)));
  const root = Math.sqrt(2 / Math.PI);
  return c.map((x) => {
    const inner = tf.mul(root, tf.add(x, tf.mul(0.044715, tf.mul(x, tf.square(x)))));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  });
};
