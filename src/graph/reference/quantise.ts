import { attributeDataType, rangeOf } from '../data-types.ts';
import type { DataType } from '../ir.ts';
import { zipped } from './arithmetic.ts';
import { Conv } from './conv.ts';
import { caster } from './convert.ts';
import { formatOf, roundEven } from './formats.ts';
import type { Call, Dense, Kernel } from './kernel.ts';
import { multiplied } from './linear.ts';
import { indices, picked, spread } from './strides.ts';

/** How a scale or a zero point goes with a tensor: one for all, one per index of an axis, or one per block of it. */
interface Granularity {
  readonly axis: number;
  readonly block?: number;
}

/** A scale or a zero point for every element of `x`. */
function parameter(c: Call, p: Dense, x: Dense, { axis, block = 0 }: Granularity): Float64Array {
  if (p.data.length === 1) return spread(c, c.reshaped(p, []), x.shape);
  const at = c.axis(axis, x.shape.length);
  const size = x.shape[at]!;
  if (block > 0 && p.shape.length === x.shape.length) {
    const maps = p.shape.map((d, i) =>
      indices(c, i === at ? size : d, (j) => (i === at ? Math.floor(j / block) : j)),
    );
    if (Math.ceil(size / block) !== p.shape[at])
      throw c.misfit(
        `has ${p.shape[at]} blocks of ${block}`,
        `${Math.ceil(size / block)} for a size of ${size}`,
      );
    return spread(c, picked(c, p, maps), x.shape);
  }
  if (p.shape.length > 1) return spread(c, p, x.shape);
  return spread(
    c,
    c.reshaped(
      p,
      x.shape.map((_, i) => (i === at ? p.data.length : 1)),
    ),
    x.shape,
  );
}

/** (x − zero)·scale */
export function dequantised(
  c: Call,
  x: Dense,
  scale: Dense,
  zero: Dense | undefined,
  by: Granularity,
): Dense {
  const y = c.make(scale.dtype, x.shape);
  const factor = parameter(c, scale, x, by);
  const shift = zero && parameter(c, zero, x, by);
  for (let i = 0; i < x.data.length; i++) y.data[i] = (x.data[i]! - (shift?.[i] ?? 0)) * factor[i]!;
  return y;
}

/**
 * round(x/scale) + zero, within the range of its type. Engines divide in float32, and so does this: a quotient half-way
 * between two integers then goes where theirs goes.
 */
export function quantised(
  c: Call,
  x: Dense,
  scale: Dense,
  zero: Dense | undefined,
  dtype: DataType,
  by: Granularity,
): Dense {
  const y = c.make(dtype, x.shape);
  const divisor = parameter(c, scale, x, by);
  const shift = zero && parameter(c, zero, x, by);
  const range = rangeOf(dtype);
  const format = formatOf(dtype);
  if (!range && !format) throw c.unsupported(`quantises to ${dtype}`, 'integers or narrow floats');
  const narrow = caster(dtype, c.int('saturate', 1) !== 0, 'up');
  for (let i = 0; i < x.data.length; i++) {
    const q = x.dtype === 'float64' ? x.data[i]! / divisor[i]! : Math.fround(x.data[i]! / divisor[i]!);
    const z = shift?.[i] ?? 0;
    // Not a number has no integer; 0 is what the zero point stands for.
    if (range) y.data[i] = Math.min(Math.max((Number.isNaN(q) ? 0 : roundEven(q)) + z, range[0]), range[1]);
    else y.data[i] = narrow(q + z);
  }
  return y;
}

const granularity = (c: Call): Granularity => ({ axis: c.int('axis', 1), block: c.int('block_size', 0) });

export const DequantizeLinear: Kernel = (c) => {
  const y = dequantised(c, c.input(0), c.input(1), c.optional(2), granularity(c));
  return [c.int('output_dtype', 0) > 0 ? { ...y, dtype: attributeDataType(c.node, 'output_dtype') } : y];
};

export const QuantizeLinear: Kernel = (c) => {
  const [x, scale, zero] = [c.input(0), c.input(1), c.optional(2)];
  const stated = c.int('output_dtype', 0) > 0 ? attributeDataType(c.node, 'output_dtype') : 'uint8';
  return [quantised(c, x, scale, zero, zero?.dtype ?? stated, granularity(c))];
};

/** uint8 with a scale that covers the range of x, widened to include 0. */
export const DynamicQuantizeLinear: Kernel = (c) => {
  const x = c.input(0);
  const low = x.data.reduce((a, b) => Math.min(a, b), 0);
  const high = x.data.reduce((a, b) => Math.max(a, b), 0);
  const scale = c.make(x.dtype, []);
  const zero = c.make('uint8', []);
  scale.data[0] = high === low ? 1 / 255 : Math.fround((high - low) / 255);
  zero.data[0] = roundEven(Math.min(Math.max(Math.fround(-low / scale.data[0]), 0), 255));
  return [quantised(c, x, scale, zero, 'uint8', { axis: 0 }), scale, zero];
};

/** Integers less their zero point, as int32. */
function centred(c: Call, x: Dense, zero: Dense | undefined, axis: number): Dense {
  const y = c.make('int32', x.shape);
  const shift = zero && parameter(c, zero, x, { axis });
  for (let i = 0; i < x.data.length; i++) y.data[i] = x.data[i]! - (shift?.[i] ?? 0);
  return y;
}

/** Zero points of rows on the left, of columns on the right. */
const [ROWS, COLUMNS] = [-2, -1];
/** Scales of a convolution's weight are per output channel. */
const OUTPUT_CHANNELS = 0;

const rows = (x: Dense): number => (x.shape.length > 1 ? ROWS : COLUMNS);

export const MatMulInteger: Kernel = (c) => [
  multiplied(
    c,
    centred(c, c.input(0), c.optional(2), rows(c.input(0))),
    centred(c, c.input(1), c.optional(3), COLUMNS),
  ),
];

export const ConvInteger: Kernel = (c) =>
  Conv(
    c.with([
      centred(c, c.input(0), c.optional(2), 1),
      centred(c, c.input(1), c.optional(3), OUTPUT_CHANNELS),
    ]),
  );

/** Inputs: a, its scale and zero point, b, its scale and zero point, then those of the result. */
export const QLinearMatMul: Kernel = (c) => {
  const a = dequantised(c, c.input(0), c.input(1), c.optional(2), { axis: rows(c.input(0)) });
  const b = dequantised(c, c.input(3), c.input(4), c.optional(5), { axis: COLUMNS });
  const zero = c.input(7);
  return [quantised(c, multiplied(c, a, b), c.input(6), zero, zero.dtype, { axis: rows(c.input(0)) })];
};

/** As QLinearMatMul's inputs, then a bias in int32, whose scale is that of the products. */
export const QLinearConv: Kernel = (c) => {
  const [scale, weightScale, zero, bias] = [c.input(1), c.input(4), c.input(7), c.optional(8)];
  const x = dequantised(c, c.input(0), scale, c.optional(2), { axis: 1 });
  const w = dequantised(c, c.input(3), weightScale, c.optional(5), { axis: OUTPUT_CHANNELS });
  const productScale = zipped(c, scale, weightScale, (a, b) => a * b);
  const b = bias && dequantised(c, bias, productScale, undefined, { axis: 0 });
  return [quantised(c, Conv(c.with([x, w, b]))[0]!, c.input(6), zero, zero.dtype, { axis: 1 })];
};
