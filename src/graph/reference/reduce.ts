import { rangeOf } from '../data-types.ts';
import { settled } from './convert.ts';
import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { along, permuted } from './strides.ts';

/** The axes that a reduction removes: its second input, or its attribute; none named means all. */
function reducedAxes(c: Call, rank: number): number[] {
  const named = c.optional(1) ? c.vector(1) : c.ints('axes');
  if (named && named.length > 0) return c.axes(named, rank);
  return c.int('noop_with_empty_axes', 0) !== 0 ? [] : Array.from({ length: rank }, (_, i) => i);
}

/** `x` with the given axes last, so that what is reduced together lies together. */
export function reducedOver(
  c: Call,
  x: Dense,
  axes: readonly number[],
  keep: boolean,
  f: (row: Float64Array) => number,
): Dense {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const shape = keep ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : kept.map((i) => x.shape[i]!);
  const y = c.make(x.dtype, shape);
  const { data } = permuted(c, x, [...kept, ...axes]);
  const count = elements(axes.map((a) => x.shape[a]!));
  for (let i = 0; i < y.data.length; i++) y.data[i] = f(data.subarray(i * count, (i + 1) * count));
  return settled(y);
}

const reduction =
  (make: (x: Dense) => (row: Float64Array) => number): Kernel =>
  (c) => {
    const x = c.input(0);
    return [reducedOver(c, x, reducedAxes(c, x.shape.length), c.int('keepdims', 1) !== 0, make(x))];
  };

const fold =
  (start: number, f: (so: number, x: number) => number) =>
  (row: Float64Array): number => {
    let so = start;
    for (let i = 0; i < row.length; i++) so = f(so, row[i]!);
    return so;
  };

const sum = fold(0, (a, x) => a + x);
const sumOfSquares = fold(0, (a, x) => a + x * x);
const largest = fold(-Infinity, Math.max);

/** log Σ eˣ, shifted by the largest x. */
export function logSumExp(row: Float64Array): number {
  const shift = largest(row);
  if (!Number.isFinite(shift)) return shift;
  return shift + Math.log(fold(0, (a, x) => a + Math.exp(x - shift))(row));
}

export const ReduceSum = reduction(() => sum);
export const ReduceMean = reduction(() => (row) => sum(row) / row.length);
export const ReduceProd = reduction(() => fold(1, (a, x) => a * x));
// Of nothing, the least or greatest value of the type.
export const ReduceMax = reduction((x) => fold(rangeOf(x.dtype)?.[0] ?? -Infinity, Math.max));
export const ReduceMin = reduction((x) => fold(rangeOf(x.dtype)?.[1] ?? Infinity, Math.min));
export const ReduceL1 = reduction(() => fold(0, (a, x) => a + Math.abs(x)));
export const ReduceL2 = reduction(() => (row) => Math.sqrt(sumOfSquares(row)));
export const ReduceSumSquare = reduction(() => sumOfSquares);
export const ReduceLogSum = reduction(() => (row) => Math.log(sum(row)));
export const ReduceLogSumExp = reduction(() => logSumExp);

/** Everything but batch and channels. */
const global =
  (make: (c: Call) => (row: Float64Array) => number): Kernel =>
  (c) => {
    const x = c.input(0);
    if (x.shape.length < 2) throw c.misfit(`got an input of rank ${x.shape.length}`, 'rank 2 at least');
    const axes = x.shape.map((_, i) => i).slice(2);
    return [reducedOver(c, x, axes, true, make(c))];
  };

/** (Σ |x|ᵖ)^(1/p) */
export const norm = (p: number): ((row: Float64Array) => number) => {
  const powers = fold(0, (a, x) => a + Math.abs(x) ** p);
  return (row) => powers(row) ** (1 / p);
};

export const GlobalAveragePool = global(() => (row) => sum(row) / row.length);
export const GlobalMaxPool = global(() => largest);
export const GlobalLpPool = global((c) => norm(c.int('p', 2)));

const best =
  (better: (x: number, so: number) => boolean): Kernel =>
  (c) => {
    const x = c.input(0);
    const axis = c.axis(c.int('axis', 0), x.shape.length);
    if (x.shape[axis] === 0) throw c.misfit('looks along an empty axis', 'at least one element');
    const last = c.int('select_last_index', 0) !== 0;
    const y = along(c, x, axis, 1, (line, out) => {
      let at = 0;
      for (let i = 1; i < line.length; i++)
        if (better(line[i]!, line[at]!) || (last && line[i] === line[at])) at = i;
      out[0] = at;
    });
    const shape = c.int('keepdims', 1) !== 0 ? y.shape : y.shape.filter((_, i) => i !== axis);
    return [{ dtype: 'int64', shape, data: y.data }];
  };

export const ArgMax = best((x, so) => x > so);
export const ArgMin = best((x, so) => x < so);

export const CumSum: Kernel = (c) => {
  const x = c.input(0);
  const axis = c.axis(c.scalar(1), x.shape.length);
  const [exclusive, reverse] = [c.int('exclusive', 0) !== 0, c.int('reverse', 0) !== 0];
  const y = along(c, x, axis, x.shape[axis]!, (line, out) => {
    let so = 0;
    for (let k = 0; k < line.length; k++) {
      const i = reverse ? line.length - 1 - k : k;
      if (exclusive) out[i] = so;
      so += line[i]!;
      if (!exclusive) out[i] = so;
    }
  });
  return [settled(y)];
};
