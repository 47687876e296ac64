import * as tf from '@tensorflow/tfjs-core';
import { type DataType, dataTypeOf, isFloat, rangeOf } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { deviceType } from '../held.ts';
import { expanded, stopped, straightThrough, untaped } from '../tensors.ts';

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const unary =
  (f: Unary): TfOp =>
  (c) =>
    c.map(f);
/** Of two inputs, or of any number from the first on. */
const folded =
  (f: Binary): TfOp =>
  (c) =>
    c.zip((first, ...rest) => (rest.length > 0 ? rest.reduce(f, first!) : tf.clone(first!)));

// tf.abs has the slope -1 at 0.
export const Abs = unary((x) => tf.mul(x, tf.sign(x)));
export const Acos = unary(tf.acos);
export const Acosh = unary(tf.acosh);
export const Asin = unary(tf.asin);
export const Asinh = unary(tf.asinh);
export const Atan = unary(tf.atan);
export const Atanh = unary(tf.atanh);
export const Ceil = unary(straightThrough(tf.ceil));
export const Cos = unary(tf.cos);
export const Cosh = unary(tf.cosh);
export const Erf = unary(tf.erf);
export const Exp = unary(tf.exp);
export const Floor = unary(straightThrough(tf.floor));
export const Log = unary(tf.log);
export const Neg = unary(tf.neg);
export const Not = unary(tf.logicalNot);
export const Round = unary(straightThrough(tf.round));
export const Sign = unary(tf.sign);
export const Sin = unary(tf.sin);
export const Sinh = unary(tf.sinh);
export const Sqrt = unary(tf.sqrt);
export const Tan = unary(tf.tan);

export const Add = folded(tf.add);
export const Mul = folded(tf.mul);
export const Sub = folded(tf.sub);
/** tf.maximum, tf.minimum and tf.where do not add up the gradient of what they broadcast: it is repeated before. */
const repeated =
  (f: (...inputs: tf.Tensor[]) => tf.Tensor): TfOp =>
  (c) =>
    c.zip((...inputs) => {
      const shape = inputs
        .map((t) => t.shape)
        .reduce((a, b) => tf.broadcast_util.assertAndGetBroadcastShape(a, b));
      const known = c.all().map((h) => h.known() !== undefined);
      return f(...inputs.map((t, i) => (known[i] || sameShape(t.shape, shape) ? t : expanded(t, shape))));
    });
const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

export const Max = repeated((first, ...rest) =>
  rest.length > 0 ? rest.reduce(tf.maximum, first!) : tf.clone(first!),
);
export const Min = repeated((first, ...rest) =>
  rest.length > 0 ? rest.reduce(tf.minimum, first!) : tf.clone(first!),
);
/** min(max(x, low), high), either of which may be left out. */
export const Clip: TfOp = (c) => {
  const [low, high] = [c.has(1), c.has(2)];
  return repeated((x, ...bounds) => {
    const above = low ? tf.maximum(x!, bounds[0]!) : x!;
    const within = high ? tf.minimum(above, bounds.at(-1)!) : above;
    return within === x ? tf.clone(x!) : within;
  })(c);
};

const truncated = (x: tf.Tensor): tf.Tensor => tf.mul(tf.sign(x), tf.floor(tf.abs(x)));

/** Integers are divided towards zero; tfjs divides them downwards. */
export const Div: TfOp = (c) => {
  if (isFloat(c.held(0).dtype)) return c.zip(tf.div);
  return c.zip((a, b) => tf.cast(truncated(tf.div(tf.cast(a, 'float32'), tf.cast(b, 'float32'))), 'int32'));
};

/** a − b·⌊a/b⌋, or with `fmod` towards zero; the quotient is a step, and has no slope. */
export const Mod: TfOp = (c) => {
  const whole = stopped(c.int('fmod', 0) ? truncated : tf.floor);
  return c.zip((a, b) => {
    const [p, q] = [tf.cast(a, 'float32'), tf.cast(b, 'float32')];
    return tf.cast(tf.sub(p, tf.mul(q, whole(tf.div(p, q)))), a.dtype);
  });
};

/** The result has the base's type. Small whole exponents are products: the slope of tf.pow at 0 is not a number. */
export const Pow: TfOp = (c) => {
  const exponent = c.held(1).known();
  const only = exponent?.data.length === 1 && c.held(1).rank <= c.held(0).rank ? exponent.data[0] : undefined;
  if (only === 0) return c.map(tf.onesLike);
  if (only === 1) return c.map((x) => tf.clone(x));
  if (only === 2) return c.map(tf.square);
  if (only === 3) return c.map((x) => tf.mul(tf.square(x), x));
  if (only === 0.5) return c.map(tf.sqrt);
  return c.zip((a, b) => tf.cast(tf.pow(a, tf.cast(b, a.dtype)), a.dtype));
};

/** A comparison has no slope. Where it lies between a loss and what it is differentiated by, tfjs would ask for one. */
const compared =
  (f: Binary): TfOp =>
  (c) =>
    c.zip((a, b) => untaped(() => f(a!, b!)));

export const Equal = compared(tf.equal);
export const Greater = compared(tf.greater);
export const GreaterOrEqual = compared(tf.greaterEqual);
export const Less = compared(tf.less);
export const LessOrEqual = compared(tf.lessEqual);
export const And = folded(tf.logicalAnd);
export const Or = folded(tf.logicalOr);
export const Xor = folded(tf.logicalXor);

export const IsNaN = unary(stopped(tf.isNaN));
export const IsInf: TfOp = (c) => {
  const [up, down] = [c.int('detect_positive', 1), c.int('detect_negative', 1)];
  const infinite = stopped((x) => {
    const either = tf.isInf(x);
    if (up && down) return either;
    if (!up && !down) return tf.logicalAnd(either, tf.logicalNot(either));
    return tf.logicalAnd(either, up ? tf.greater(x, 0) : tf.less(x, 0));
  });
  return c.map(infinite);
};

export const Where: TfOp = repeated((condition, a, b) => tf.where(condition!, a!, b!));

/** Nothing flows back through integers or booleans, as nothing does through steps. */
export const Cast: TfOp = (c) => {
  const to = dataTypeOf(c.int('to', 1));
  const from = c.held(0).dtype;
  const target = deviceType(to);
  if (isFloat(from) && isFloat(to)) return c.map((x) => tf.clone(x));
  return c.map(stopped((x) => converted(c, x, from, to, target)));
};

function converted(
  c: Call,
  x: tf.Tensor,
  from: DataType,
  to: DataType,
  target: 'float32' | 'int32' | 'bool',
): tf.Tensor {
  if (target === 'bool') return tf.notEqual(x, tf.scalar(0, x.dtype === 'bool' ? 'int32' : x.dtype));
  const whole = target === 'int32' && x.dtype === 'float32' ? truncated(x) : x;
  const [low, high] = rangeOf(to) ?? [];
  // An integer that a small type does not hold wraps around.
  if (low !== undefined && high! < 2 ** 31 - 1 && from !== 'bool') {
    const size = high! - low + 1;
    const shifted = tf.sub(tf.cast(whole, 'float32'), low);
    return tf.cast(tf.add(tf.sub(shifted, tf.mul(size, tf.floor(tf.div(shifted, size)))), low), 'int32');
  }
  if (to === 'uint32') throw c.unsupported('it gives uint32');
  return tf.cast(whole, target);
}
