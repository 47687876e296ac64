import { rangeOf } from '../data-types.ts';
import type { DataType } from '../ir.ts';
import { settled } from './convert.ts';
import { mapped } from './elementwise.ts';
import type { Call, Dense, Kernel } from './kernel.ts';
import { broadcastShape, spread } from './strides.ts';

/** y = f(a, b), broadcast. */
export function zipped(
  c: Call,
  a: Dense,
  b: Dense,
  f: (a: number, b: number) => number,
  dtype: DataType = a.dtype,
): Dense {
  const y = c.make(dtype, broadcastShape(c, [a.shape, b.shape]));
  const [left, right] = [spread(c, a, y.shape), spread(c, b, y.shape)];
  for (let i = 0; i < y.data.length; i++) y.data[i] = f(left[i]!, right[i]!);
  return settled(y);
}

const binary =
  (f: (a: number, b: number) => number): Kernel =>
  (c) => [zipped(c, c.input(0), c.input(1), f)];

const compare =
  (f: (a: number, b: number) => boolean): Kernel =>
  (c) => [zipped(c, c.input(0), c.input(1), (a, b) => (f(a, b) ? 1 : 0), 'bool')];

/** f over all inputs, two at a time. */
const variadic =
  (f: (a: number, b: number) => number): Kernel =>
  (c) => [
    c.inputs.slice(1).reduce<Dense>(
      (y, _, i) => zipped(c, y, c.input(i + 1), f),
      mapped(c, c.input(0), (x) => x),
    ),
  ];

export const Add = binary((a, b) => a + b);
export const Sub = binary((a, b) => a - b);
export const Mul = binary((a, b) => a * b);
/** Of integers, towards zero. */
export const Div = binary((a, b) => a / b);
export const Pow = binary((a, b) => a ** b);
export const PRelu = binary((x, slope) => (x < 0 ? slope * x : x));

export const Equal = compare((a, b) => a === b);
export const Greater = compare((a, b) => a > b);
export const GreaterOrEqual = compare((a, b) => a >= b);
export const Less = compare((a, b) => a < b);
export const LessOrEqual = compare((a, b) => a <= b);
export const And = compare((a, b) => a !== 0 && b !== 0);
export const Or = compare((a, b) => a !== 0 || b !== 0);
export const Xor = compare((a, b) => (a !== 0) !== (b !== 0));

export const Max = variadic(Math.max);
export const Min = variadic(Math.min);
export const Sum = variadic((a, b) => a + b);
export const Mean: Kernel = (c) => [mapped(c, Sum(c)[0]!, (x) => x / c.inputs.length)];

/** The remainder, of the divisor's sign; with `fmod`, of the dividend's. */
export const Mod: Kernel = (c) => {
  const fmod = c.int('fmod', 0) !== 0;
  return binary(
    fmod ? (a, b) => a % b : (a, b) => (a % b === 0 ? 0 : (a % b) + (a % b < 0 !== b < 0 ? b : 0)),
  )(c);
};

export const Where: Kernel = (c) => {
  const [when, a, b] = [c.input(0), c.input(1), c.input(2)];
  const y = c.make(a.dtype, broadcastShape(c, [when.shape, a.shape, b.shape]));
  const [w, left, right] = [spread(c, when, y.shape), spread(c, a, y.shape), spread(c, b, y.shape)];
  for (let i = 0; i < y.data.length; i++) y.data[i] = w[i] !== 0 ? left[i]! : right[i]!;
  return [y];
};

/** min(max(x, low), high): where low > high, high. */
export const Clip: Kernel = (c) => {
  const x = c.input(0);
  const [low, high] = rangeOf(x.dtype) ?? [-Infinity, Infinity];
  const [least, most] = [c.scalar(1, low), c.scalar(2, high)];
  return [mapped(c, x, (v) => Math.min(Math.max(v, least), most))];
};
