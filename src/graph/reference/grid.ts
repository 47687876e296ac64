import { roundEven } from './formats.ts';
import { elements, type Kernel } from './kernel.ts';
import { cubic } from './resize.ts';
import { stridesOf } from './strides.ts';

/** Bicubic sampling's parameter, as PyTorch has it. */
const CUBIC_A = -0.75;

type Padding = 'zeros' | 'border' | 'reflection';

/** Thrown back between `low` and `high` as often as it takes. */
function reflected(x: number, low: number, high: number): number {
  const range = high - low;
  if (!(range > 0)) return low;
  const beyond = x < low ? low - x : x - high;
  if (!(beyond > 0)) return x;
  const [turns, rest] = [Math.floor(beyond / range), beyond % range];
  return x < low === (turns % 2 === 0) ? low + rest : high - rest;
}

/** One axis of an image: its size, and the coordinates that −1 and 1 stand for. */
interface Axis {
  readonly size: number;
  readonly low: number;
  readonly high: number;
}

/** The index that an index outside stands for, or −1 for nothing. */
function inside(i: number, { size, low, high }: Axis, padding: Padding): number {
  if (i >= 0 && i < size) return i;
  if (padding === 'zeros' || !Number.isFinite(i)) return -1;
  const at = padding === 'border' ? i : Math.trunc(reflected(i, low, high));
  return Math.min(Math.max(at, 0), size - 1);
}

/** The indices that a coordinate is interpolated from, and their weights: filled into `indices` and `weights`. */
function neighbours(
  coordinate: number,
  axis: Axis,
  mode: string,
  padding: Padding,
  indices: Int32Array,
  weights: Float64Array,
): void {
  let x = ((coordinate + 1) / 2) * (axis.high - axis.low) + axis.low;
  if (mode === 'nearest') x = roundEven(x);
  if (x < axis.low || x > axis.high) {
    // Engines clamp a cubic's taps only, not the point they are around.
    if (padding === 'border' && mode !== 'cubic') x = Math.min(Math.max(x, 0), axis.size - 1);
    if (padding === 'reflection') x = reflected(x, axis.low, axis.high);
  }
  const base = mode === 'nearest' ? roundEven(x) : Math.floor(x);
  const first = mode === 'cubic' ? base - 1 : base;
  for (let k = 0; k < indices.length; k++) {
    indices[k] = inside(first + k, axis, padding);
    const d = x - (first + k);
    weights[k] = mode === 'nearest' ? 1 : mode === 'cubic' ? cubic(d, CUBIC_A) : Math.max(0, 1 - Math.abs(d));
  }
}

const TAPS: Readonly<Record<string, number>> = { nearest: 1, linear: 2, cubic: 4 };
const PADDINGS: readonly string[] = ['zeros', 'border', 'reflection'];

/** X [N, C, …in] at the points of a grid [N, …out, axes], whose coordinates in [−1, 1] name the last axis first. */
export const GridSample: Kernel = (c) => {
  const [x, grid] = [c.input(0), c.input(1)];
  const rank = x.shape.length - 2;
  // Names of set 16.
  const stated = c.string('mode', 'linear').replace(/^bi(?=linear|cubic)/, '');
  const padding = c.string('padding_mode', 'zeros') as Padding;
  const taps = Object.hasOwn(TAPS, stated) ? TAPS[stated]! : 0;
  if (taps === 0 || !PADDINGS.includes(padding))
    throw c.unsupported(`has mode ${stated} and padding_mode ${padding}`, 'modes that are defined');
  if (
    rank < 1 ||
    rank > 3 ||
    grid.shape.length !== rank + 2 ||
    grid.shape.at(-1) !== rank ||
    grid.shape[0] !== x.shape[0]
  )
    throw c.misfit(
      `got shapes [${x.shape.join(', ')}] and [${grid.shape.join(', ')}]`,
      'a grid for its image',
    );
  const corners = c.int('align_corners', 0) !== 0;
  const axes = x.shape
    .slice(2)
    .map((size): Axis => ({ size, low: corners ? 0 : -0.5, high: corners ? size - 1 : size - 0.5 }));
  const [batch, channels] = x.shape as [number, number];
  const out = grid.shape.slice(1, -1);
  const y = c.make(x.dtype, [batch, channels, ...out]);
  c.steps(y.data.length * taps ** rank);
  const [points, size] = [elements(out), elements(x.shape.slice(2))];
  const strides = stridesOf(x.shape.slice(2));
  const indices = axes.map(() => new Int32Array(taps));
  const weights = axes.map(() => new Float64Array(taps));
  const sample = (axis: number, at: number): number => {
    if (axis === rank) return x.data[at]!;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const i = indices[axis]![k]!;
      if (i >= 0 && weights[axis]![k] !== 0)
        sum += weights[axis]![k]! * sample(axis + 1, at + i * strides[axis]!);
    }
    return sum;
  };
  for (let p = 0; p < batch * points; p++) {
    for (const [a, axis] of axes.entries())
      neighbours(grid.data[(p + 1) * rank - 1 - a]!, axis, stated, padding, indices[a]!, weights[a]!);
    const n = Math.floor(p / points);
    for (let m = 0; m < channels; m++)
      y.data[(n * channels + m) * points + (p % points)] =
        size === 0 ? 0 : sample(0, (n * channels + m) * size);
  }
  return [y];
};

/** The grid [N, …out, axes] of points θ·(x, y, …, 1) for every pixel of an output of the given size. */
export const AffineGrid: Kernel = (c) => {
  const theta = c.input(0, 3);
  const out = c.vector(1).slice(2);
  const [batch, rows, columns] = theta.shape as [number, number, number];
  if (rows !== out.length || columns !== rows + 1)
    throw c.misfit(`got θ of shape [${theta.shape.join(', ')}]`, `[N, ${out.length}, ${out.length + 1}]`);
  const corners = c.int('align_corners', 0) !== 0;
  const y = c.make(theta.dtype, [batch, ...out, rows]);
  const points = elements(out);
  const strides = stridesOf(out);
  const base = new Float64Array(columns).fill(1);
  for (let p = 0; p < batch * points; p++) {
    for (const [a, size] of out.entries()) {
      const i = Math.floor((p % points) / strides[a]!) % size;
      const at = corners ? (size > 1 ? (2 * i) / (size - 1) - 1 : -1) : (2 * i + 1) / size - 1;
      base[rows - 1 - a] = at;
    }
    for (let r = 0; r < rows; r++)
      for (let k = 0; k < columns; k++)
        y.data[p * rows + r]! += theta.data[(Math.floor(p / points) * rows + r) * columns + k]! * base[k]!;
  }
  return [y];
};
