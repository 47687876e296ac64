import type { DataType } from '../ir.ts';

/**
 * Floating-point formats of at most 16 bits: sign, exponent, mantissa.
 *
 * IEEE 754 half, bfloat16, and https://onnx.ai/onnx/technical/float8.html, float4.html
 */
export interface FloatFormat {
  readonly exponent: number;
  readonly mantissa: number;
  readonly bias: number;
  /** The largest finite value. */
  readonly max: number;
  /**
   * What the largest codes mean: `ieee`, infinities and NaNs; `nan`, one NaN beside finite values; `zero`, the code
   * of −0 is the only NaN (fnuz); `none`, all finite.
   */
  readonly special: 'ieee' | 'nan' | 'zero' | 'none';
}

type Small =
  | 'float16'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'float4e2m1';

const FORMATS: { readonly [D in Small]: FloatFormat } = {
  float16: { exponent: 5, mantissa: 10, bias: 15, max: 65504, special: 'ieee' },
  bfloat16: { exponent: 8, mantissa: 7, bias: 127, max: (2 - 2 ** -7) * 2 ** 127, special: 'ieee' },
  float8e4m3fn: { exponent: 4, mantissa: 3, bias: 7, max: 448, special: 'nan' },
  float8e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8, max: 240, special: 'zero' },
  float8e5m2: { exponent: 5, mantissa: 2, bias: 15, max: 57344, special: 'ieee' },
  float8e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16, max: 57344, special: 'zero' },
  float4e2m1: { exponent: 2, mantissa: 1, bias: 1, max: 6, special: 'none' },
};

export const formatOf = (dtype: DataType): FloatFormat | undefined =>
  (FORMATS as Partial<Record<DataType, FloatFormat>>)[dtype];

/** The nearest integer, halves to the even one. */
export function roundEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** The nearest value that a format has, ties to even. `saturate`: beyond the largest one, that one. */
export function rounded(f: FloatFormat, x: number, saturate = false): number {
  // A format without NaN has 0 for it.
  if (Number.isNaN(x)) return f.special === 'none' ? 0 : x;
  const overflow =
    Math.sign(x) * (saturate || f.special === 'none' ? f.max : f.special === 'ieee' ? Infinity : NaN);
  if (!Number.isFinite(x)) return overflow;
  if (x === 0) return f.special === 'zero' ? 0 : x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), 1 - f.bias);
  const quantum = 2 ** (exponent - f.mantissa);
  const y = roundEven(x / quantum) * quantum;
  return Math.abs(y) > f.max ? overflow : y === 0 && f.special === 'zero' ? 0 : y;
}

/** The value of a code. */
export function decoded(f: FloatFormat, code: number): number {
  const top = 2 ** f.exponent - 1;
  const sign = code >> (f.exponent + f.mantissa) ? -1 : 1;
  const exponent = (code >> f.mantissa) & top;
  const mantissa = code & (2 ** f.mantissa - 1);
  if (f.special === 'zero' && sign < 0 && exponent === 0 && mantissa === 0) return NaN;
  if (f.special === 'ieee' && exponent === top) return mantissa ? NaN : sign * Infinity;
  if (f.special === 'nan' && exponent === top && mantissa === 2 ** f.mantissa - 1) return NaN;
  const fraction = exponent === 0 ? mantissa : mantissa + 2 ** f.mantissa;
  return sign * fraction * 2 ** (Math.max(exponent, 1) - f.bias - f.mantissa);
}

/** The code of the nearest value. */
export function encoded(f: FloatFormat, x: number): number {
  const y = rounded(f, x);
  const signBit = 2 ** (f.exponent + f.mantissa);
  const top = 2 ** f.exponent - 1;
  if (Number.isNaN(y)) {
    if (f.special === 'zero') return signBit;
    const quiet = f.special === 'nan' ? 2 ** f.mantissa - 1 : 2 ** (f.mantissa - 1);
    return top * 2 ** f.mantissa + quiet;
  }
  const sign = y < 0 || Object.is(y, -0) ? signBit : 0;
  if (!Number.isFinite(y)) return sign + top * 2 ** f.mantissa;
  if (y === 0) return sign;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(y))), 1 - f.bias);
  const fraction = Math.abs(y) / 2 ** (exponent - f.mantissa);
  // A subnormal's fraction is below 2^mantissa, and its exponent field 0.
  return sign + (exponent + f.bias - 1) * 2 ** f.mantissa + fraction;
}
