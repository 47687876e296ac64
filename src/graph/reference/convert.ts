import { TouchstoneError } from '../../errors.ts';
import { isFloat, rangeOf } from '../data-types.ts';
import { formatShape } from '../dims.ts';
import type { DataType, Tensor } from '../ir.ts';
import { STORAGE } from '../proto/storage.ts';
import { decoded, encoded, formatOf, rounded } from './formats.ts';
import { type Dense, elements } from './kernel.ts';

/** An integer as its type holds it: truncated, then modulo 2^bits (int64 and uint64 saturate instead). */
export function wrapped(dtype: DataType, x: number): number {
  if (dtype === 'bool') return x === 0 ? 0 : 1;
  const range = rangeOf(dtype);
  if (!range) return x;
  const v = Number.isNaN(x) ? 0 : Math.trunc(x);
  const [low, high] = range;
  if (v >= low && v <= high) return v + 0;
  const { bits } = STORAGE[dtype];
  if (bits > 32) return v < low ? (low === 0 && v > -high ? v + high : low) : high;
  const span = 2 ** bits;
  const rest = (v >>> 0) % span;
  return rest > high ? rest - span : rest;
}

/** Integer elements brought back into their type, in place; floats as they are. */
export function settled(x: Dense): Dense {
  if (!isFloat(x.dtype)) for (let i = 0; i < x.data.length; i++) x.data[i] = wrapped(x.dtype, x.data[i]!);
  return x;
}

/**
 * The elements of a tensor as float64.
 *
 * @throws E_UNSUPPORTED for strings and complex numbers, E_SHAPE where data and shape differ
 */
export function denseOf(tensor: Tensor): Dense {
  const { dtype, shape, data } = tensor;
  if (dtype === 'string' || dtype.startsWith('complex'))
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `a tensor of ${dtype}`,
      'real numbers',
      'export the model without it',
    );
  const size = elements(shape);
  if (data.length !== Math.ceil(size * STORAGE[dtype].slots))
    throw new TouchstoneError(
      'E_SHAPE',
      `a tensor of ${dtype} and shape ${formatShape(shape)} with ${data.length} entries`,
      `${Math.ceil(size * STORAGE[dtype].slots)}`,
    );
  const source = data as ArrayLike<number | bigint>;
  const out = new Float64Array(size);
  const value = decoder(dtype);
  const { bits, slots } = STORAGE[dtype];
  if (slots < 1)
    for (let i = 0; i < size; i++) {
      const at = i * bits;
      out[i] = value((Number(source[at >> 3]) >> (at & 7)) & (2 ** bits - 1));
    }
  else for (let i = 0; i < size; i++) out[i] = value(Number(source[i]));
  return { dtype, shape, data: out };
}

/** From a stored number to the value that it stands for. */
function decoder(dtype: DataType): (stored: number) => number {
  const format = formatOf(dtype);
  if (format) return (code) => decoded(format, code);
  if (dtype === 'float8e8m0') return (code) => (code === 255 ? NaN : 2 ** (code - 127));
  if (STORAGE[dtype].slots < 1) return (code) => wrapped(dtype, code);
  return (x) => x;
}

/** The tensor of a type's own elements: floats rounded to nearest even, integers wrapped. */
export function tensorOf(dense: Dense): Tensor {
  const { dtype, shape, data } = dense;
  const { array, slots, bits } = STORAGE[dtype];
  if (!array || slots > 1) throw new TouchstoneError('E_UNSUPPORTED', `a tensor of ${dtype}`, 'real numbers');
  const stored = new array(Math.ceil(data.length * slots));
  const format = formatOf(dtype);
  const code = (x: number): number =>
    format ? encoded(format, x) : dtype === 'float8e8m0' ? powerCode(x) : wrapped(dtype, x);
  if (stored instanceof BigInt64Array || stored instanceof BigUint64Array) {
    const most = dtype === 'int64' ? 2n ** 63n - 1n : 2n ** 64n - 1n;
    for (let i = 0; i < data.length; i++) {
      const v = BigInt(wrapped(dtype, data[i]!));
      stored[i] = v > most ? most : v;
    }
  } else if (slots < 1)
    for (let i = 0; i < data.length; i++) {
      const at = i * bits;
      stored[at >> 3]! |= (code(data[i]!) & (2 ** bits - 1)) << (at & 7);
    }
  else for (let i = 0; i < data.length; i++) stored[i] = code(data[i]!);
  return { dtype, shape, data: stored };
}

/** The code of a power of two (float8e8m0): the biased exponent. */
const powerCode = (x: number): number =>
  Number.isNaN(x) || x < 0 ? 255 : Math.min(Math.max(Math.round(Math.log2(x)) + 127, 0), 254);

/**
 * A value cast to a type. float32 and the 16-bit floats keep all digits (see {@link Dense}); narrower ones are
 * quantisers, and round.
 */
export function caster(dtype: DataType, saturate: boolean, roundMode: string): (x: number) => number {
  if (isFloat(dtype)) return (x) => x;
  const format = formatOf(dtype);
  if (format) return (x) => rounded(format, x, saturate);
  if (dtype === 'float8e8m0') return (x) => power(x, saturate, roundMode);
  return (x) => wrapped(dtype, x);
}

function power(x: number, saturate: boolean, roundMode: string): number {
  if (Number.isNaN(x)) return NaN;
  const e = Math.log2(Math.abs(x));
  const whole =
    roundMode === 'down' ? Math.floor(e) : roundMode === 'nearest' ? nearestPower(Math.abs(x)) : Math.ceil(e);
  if (whole > 127) return saturate ? 2 ** 127 : NaN;
  return 2 ** Math.max(whole, -127);
}

const nearestPower = (x: number): number => {
  const low = Math.floor(Math.log2(x));
  return x / 2 ** low >= 1.5 ? low + 1 : low;
};
