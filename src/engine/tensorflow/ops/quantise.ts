import * as tf from '@tensorflow/tfjs-core';
import { rangeOf } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { Held } from '../held.ts';
import { counted, withGradient } from '../rows.ts';

/** Types that float32 holds all integers of, so that clamping is exact. */
const QUANTISED = /^u?int(2|4|8|16)$/;

/** A scale or a zero point, broadcasting to x: one for all, one per index of an axis, or one per block of it. */
function spread(c: Call, p: Held): tf.Tensor {
  const x = c.shape();
  const axis = counted(c.int('axis', 1), x.length);
  const block = c.int('block_size', 0);
  return p.form(`spread over ${x} on ${axis} by ${block}`, (plain) => {
    const numbers = tf.cast(plain, 'float32');
    if (p.shape.every((d) => d === 1)) return tf.reshape(numbers, []);
    if (p.rank === 1)
      return tf.reshape(numbers, [p.shape[0]!, ...new Array<number>(x.length - 1 - axis).fill(1)]);
    if (block === 0) return numbers;
    const at = Int32Array.from({ length: x[axis]! }, (_, i) => Math.floor(i / block));
    return tf.gather(numbers, tf.tensor1d(at, 'int32'), axis);
  });
}

/** The result in the layout of the input where one scale is for all; else in ONNX's, which the scales are laid out for. */
function mapped(c: Call, scales: readonly tf.Tensor[], f: (x: tf.Tensor) => tf.Tensor): Held {
  return scales.every((s) => s.rank === 0) ? c.map(f) : Held.plain(c.type().dtype, f(c.x()));
}

/**
 * q = clamp(round(x/s) + z), an int32 on the device. Straight-through: dx = g/s where nothing is clamped, else 0. (Of tfjs's
 * int32 tensors gradients are float32 and go through reshapes and casts, so that they arrive here.) Scale and zero point
 * are taken as constants.
 */
export const QuantizeLinear: TfOp = (c) => {
  const { dtype } = c.type();
  const range = QUANTISED.test(dtype) ? rangeOf(dtype) : undefined;
  if (!range) throw c.unsupported(`it quantises to ${dtype}`, 'integers of up to 16 bits');
  const [low, high] = range;
  const scale = spread(c, c.held(1));
  const zero = c.has(2) ? spread(c, c.held(2)) : tf.scalar(0);
  return mapped(c, [scale, zero], (x) => {
    const quotient = tf.div(tf.cast(x, 'float32'), scale);
    // Not a number has no integer; 0 is what the zero point stands for.
    const whole = () => tf.round(tf.where(tf.isNaN(quotient), 0, quotient));
    return withGradient(
      [x],
      [tf.add(quotient, zero), scale],
      () => tf.cast(tf.clipByValue(tf.add(whole(), zero), low, high), 'int32'),
      (dy, [q, s]) => {
        const within = tf.logicalAnd(tf.greaterEqual(q!, low - 0.5), tf.lessEqual(q!, high + 0.5));
        return [tf.div(tf.mul(dy, tf.cast(within, 'float32')), s!)];
      },
    );
  });
};

/** y = s·(q − z): dq = s·g. Scale and zero point are taken as constants. */
export const DequantizeLinear: TfOp = (c) => {
  const scale = spread(c, c.held(1));
  const zero = c.has(2) ? spread(c, c.held(2)) : tf.scalar(0);
  return mapped(c, [scale, zero], (q) =>
    withGradient(
      [q],
      [scale],
      () => tf.mul(tf.sub(tf.cast(q, 'float32'), zero), scale),
      (dy, [s]) => [tf.mul(dy, s!)],
    ),
  );
};
