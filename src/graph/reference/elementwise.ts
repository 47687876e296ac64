import { attributeDataType } from '../data-types.ts';
import { caster, settled } from './convert.ts';
import { roundEven } from './formats.ts';
import type { Call, Dense, Kernel } from './kernel.ts';

/** y = f(x), element by element. */
export function mapped(c: Call, x: Dense, f: (x: number) => number, dtype = x.dtype): Dense {
  const y = c.make(dtype, x.shape);
  for (let i = 0; i < x.data.length; i++) y.data[i] = f(x.data[i]!);
  return settled(y);
}

const unary =
  (f: (x: number) => number): Kernel =>
  (c) => [mapped(c, c.input(0), f)];

const test =
  (f: (x: number) => boolean): Kernel =>
  (c) => [mapped(c, c.input(0), (x) => (f(x) ? 1 : 0), 'bool')];

export const Abs = unary(Math.abs);
export const Acos = unary(Math.acos);
export const Acosh = unary(Math.acosh);
export const Asin = unary(Math.asin);
export const Asinh = unary(Math.asinh);
export const Atan = unary(Math.atan);
export const Atanh = unary(Math.atanh);
export const Ceil = unary(Math.ceil);
export const Cos = unary(Math.cos);
export const Cosh = unary(Math.cosh);
export const Exp = unary(Math.exp);
export const Floor = unary(Math.floor);
export const Log = unary(Math.log);
export const Neg = unary((x) => -x);
export const Reciprocal = unary((x) => 1 / x);
export const Round = unary(roundEven);
export const Sign = unary(Math.sign);
export const Sin = unary(Math.sin);
export const Sinh = unary(Math.sinh);
export const Sqrt = unary(Math.sqrt);
export const Tan = unary(Math.tan);
export const Tanh = unary(Math.tanh);

export const IsNaN = test(Number.isNaN);
export const Not = test((x) => x === 0);
export const IsInf: Kernel = (c) => {
  const positive = c.int('detect_positive', 1) !== 0;
  const negative = c.int('detect_negative', 1) !== 0;
  return test((x) => (positive && x === Infinity) || (negative && x === -Infinity))(c);
};

export const Identity: Kernel = (c) => [c.input(0)];

const cast = (c: Call, to: Dense['dtype']): Dense => {
  if (to === 'string' || to.startsWith('complex'))
    throw c.unsupported(`casts to ${to}`, 'a type of real numbers');
  const convert = caster(to, c.int('saturate', 1) !== 0, c.string('round_mode', 'up'));
  return mapped(c, c.input(0), convert, to);
};

export const Cast: Kernel = (c) => [cast(c, attributeDataType(c.node, 'to'))];
export const CastLike: Kernel = (c) => [cast(c, c.input(1).dtype)];

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/** erf x = 2/√π · e^(−x²) · Σₙ 2ⁿx²ⁿ⁺¹/(2n+1)!!, whose terms are all of one sign: full precision everywhere. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_ROOT_PI * Math.exp(-x * x) * sum;
}

export const Erf = unary(erf);
