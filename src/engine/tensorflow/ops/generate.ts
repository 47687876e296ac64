import * as tf from '@tensorflow/tfjs-core';
import { constantOf, type Dense, type Tensor } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { deviceType, Held, upload } from '../held.ts';
import { integer } from '../rows.ts';
import { untaped } from '../tensors.ts';

export const Constant: TfOp = (c) => {
  const value = constantOf(c.node);
  if (!value) throw c.unsupported('it holds no tensor of numbers');
  return Held.known(value);
};

const ZERO: Tensor = { dtype: 'float32', shape: [1], data: new Float32Array(1) };

export const ConstantOfShape: TfOp = (c) => {
  const attribute = c.node.attributes.get('value');
  const value = attribute?.type === 'tensor' ? attribute.value : ZERO;
  const [number] = upload({ ...value, shape: [] }).dataSync();
  return tf.fill(c.out(), number!, deviceType(value.dtype));
};

/** Ones on the k-th diagonal. */
export const EyeLike: TfOp = (c) => {
  const { dtype } = c.type();
  const [rows, columns] = c.out() as [number, number];
  return untaped(() => {
    const diagonal = tf.add(tf.range(0, rows, 1, 'int32'), integer(c.int('k', 0)));
    const on = tf.equal(tf.reshape(diagonal, [rows, 1]), tf.range(0, columns, 1, 'int32'));
    return tf.cast(on, deviceType(dtype));
  });
};

/** start, start + delta, … Its length is a shape, so that its numbers are known here. */
export const Range: TfOp = (c) => {
  const [[start], [delta]] = [c.values(0), c.values(2)];
  const { dtype } = c.type();
  const shape = c.out();
  const value: Dense = {
    dtype,
    shape,
    data: Float64Array.from({ length: shape[0]! }, (_, i) => start! + i * delta!),
  };
  return Held.known(value);
};

/** New numbers at each run, unless the node has a seed. tfjs takes 0 for none where it draws from a normal distribution. */
function seedOf(c: Call): number | undefined {
  if (!c.node.attributes.has('seed')) return undefined;
  return c.float('seed', 0) || Number.MIN_VALUE;
}

/** Draws float32 numbers, which a gradient does not go through; other floats are refused. */
const drawn =
  (draw: (c: Call, shape: number[]) => tf.Tensor): TfOp =>
  (c) => {
    deviceType(c.type().dtype);
    return untaped(() => draw(c, c.out()));
  };

export const RandomNormal = drawn((c, shape) =>
  tf.randomNormal(shape, c.float('mean', 0), c.float('scale', 1), 'float32', seedOf(c)),
);

export const RandomUniform = drawn((c, shape) =>
  tf.randomUniform(shape, c.float('low', 0), c.float('high', 1), 'float32', seedOf(c)),
);

const uniform = (c: Call, shape: number[]): tf.Tensor => tf.randomUniform(shape, 0, 1, 'float32', seedOf(c));

/** 1 with the probability that the input states. */
export const Bernoulli: TfOp = (c) => {
  const { dtype } = c.type();
  return untaped(() => tf.cast(tf.less(uniform(c, c.out()), c.x()), deviceType(dtype)));
};

/** The identity; in training mode y = x·mask/(1 − ratio), where the mask keeps each element with probability 1 − ratio. */
export const Dropout: TfOp = (c) => {
  const ratio = c.has(1) ? c.values(1)[0]! : 0.5;
  const training = c.has(2) && c.values(2)[0] !== 0;
  if (!training || ratio === 0)
    return [c.map((x) => tf.clone(x)), c.node.outputs[1] ? tf.ones(c.shape(), 'bool') : undefined];
  const mask = untaped(() => tf.greaterEqual(uniform(c, c.shape()), ratio));
  // Not x·0 at a ratio of 1, whose scale is infinite.
  const scale = ratio < 1 ? 1 / (1 - ratio) : 0;
  return [tf.mul(c.x(), tf.mul(tf.cast(mask, 'float32'), scale)), mask];
};

/** The interpreter measures shapes without asking the device. */
export const OfShape: TfOp = (c) => {
  throw c.unsupported('it has no input to measure');
};
