import { intOf, intsOf, stringOf } from '../attributes.ts';
import { quotient } from '../dims.ts';
import type { Dim, Node } from '../ir.ts';
import { fixed, mismatch, ranked, rankedFrom, type ShapeContext, type ShapeRule } from './rule.ts';

/** The geometry of a convolution or pooling, one entry per spatial axis, all defaults filled in. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before each axis, then after each, as ONNX orders them: top, left, bottom, right. Negative ones cut. */
  readonly pads: readonly number[];
  readonly ceil: boolean;
}

const AUTO: readonly string[] = ['NOTSET', '', 'VALID', 'SAME_UPPER', 'SAME_LOWER'];

/** Sizes beyond this are no image's, and their arithmetic is not exact. */
const LARGEST = 2 ** 31;

/**
 * Reads a window off a node, resolving `auto_pad` (and a ConvTranspose's `output_shape`) against the input's spatial size.
 *
 * @param size the spatial size of the input: `[H, W]` of an image
 * @param kernel the weight's spatial shape, where there is one
 * @throws E_SHAPE where attributes do not fit the number of axes, or are out of range
 */
export function windowOf(node: Node, size: readonly number[], kernel?: readonly number[]): Window {
  const rank = size.length;
  const read = (name: string, low: number, fallback: readonly number[]): readonly number[] => {
    const values = intsOf(node, name) ?? fallback;
    if (values.length !== fallback.length && values.length > 0)
      throw mismatch(node, `has ${values.length} ${name}`, `${fallback.length}, for ${rank} spatial axes`);
    for (const v of values)
      if (!(v >= low && v <= LARGEST)) throw mismatch(node, `has ${name} [${values}]`, `${low} at least`);
    return values.length > 0 ? values : fallback;
  };
  const ones = new Array<number>(rank).fill(1);
  const shape = read('kernel_shape', 1, kernel ?? ones);
  if (kernel?.some((k, a) => k !== shape[a]))
    throw mismatch(node, `has kernel_shape [${shape}]`, `[${kernel}], as its weight says`);
  if (!kernel && !intsOf(node, 'kernel_shape')?.length) throw mismatch(node, 'has no kernel_shape', 'one');
  const strides = read('strides', 1, ones);
  const dilations = read('dilations', 1, ones);
  const given = read('pads', -LARGEST, new Array<number>(2 * rank).fill(0));
  const auto = stringOf(node, 'auto_pad', 'NOTSET');
  if (!AUTO.includes(auto)) throw mismatch(node, `has auto_pad "${auto}"`, 'one that ONNX defines');
  const w = { kernel: shape, strides, dilations, ceil: intOf(node, 'ceil_mode', 0) !== 0 };
  const total = overhang(node, w, size, auto);
  if (!total) return { ...w, pads: auto === 'VALID' ? given.map(() => 0) : given };
  // The odd one goes after the image for SAME_UPPER, else (and for an output_shape alone) before it.
  const before = total.map((t) => (auto === 'SAME_UPPER' ? Math.floor(t / 2) : Math.ceil(t / 2)));
  return { ...w, pads: [...before, ...total.map((t, a) => t - before[a]!)] };
}

/** How much padding each axis needs in all, where that follows from the size of the output. */
function overhang(
  node: Node,
  { kernel, strides, dilations }: Pick<Window, 'kernel' | 'strides' | 'dilations'>,
  size: readonly number[],
  auto: string,
): number[] | undefined {
  const same = auto.startsWith('SAME');
  const stated = node.op === 'ConvTranspose' ? statedOutput(node, size.length) : undefined;
  if (!same && !stated) return undefined;
  const extra = intsOf(node, 'output_padding');
  return size.map((n, a) => {
    const span = dilations[a]! * (kernel[a]! - 1) + 1;
    if (node.op === 'ConvTranspose') {
      // As large as the input, times the stride, unless said otherwise.
      const out = stated?.[a] ?? n * strides[a]!;
      return Math.max(0, (n - 1) * strides[a]! + (extra?.[a] ?? 0) + span - out);
    }
    return Math.max(0, (Math.ceil(n / strides[a]!) - 1) * strides[a]! + span - n);
  });
}

/** The spatial part of a ConvTranspose's `output_shape`. */
function statedOutput(node: Node, rank: number): readonly number[] | undefined {
  const stated = intsOf(node, 'output_shape');
  if (!stated?.length) return undefined;
  if (stated.length !== rank || stated.some((d) => !(d >= 1 && d <= LARGEST)))
    throw mismatch(node, `has output_shape [${stated}]`, `${rank} sizes`);
  return stated;
}

/**
 * The output's spatial size. With ceil_mode the last window may reach beyond the padding, but not start in the
 * padding after the image.
 */
export const windowOutput = (w: Window, size: readonly number[]): number[] =>
  size.map((n, a) => {
    const padded = n + w.pads[a]! + w.pads[a + size.length]!;
    const steps = (padded - w.dilations[a]! * (w.kernel[a]! - 1) - 1) / w.strides[a]!;
    const count = (w.ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    return w.ceil && (count - 1) * w.strides[a]! >= n + w.pads[a]! ? count - 1 : count;
  });

/** Batch, channels and spatial size of an `[N, C, …]` input with one to three spatial axes. */
export function spatial(c: ShapeContext, i = 0): { batch: Dim; channels: Dim; size: readonly Dim[] } {
  const { shape } = c.input(i);
  if (shape.length < 3 || shape.length > 5)
    throw mismatch(c.node, `got an input of rank ${shape.length}`, 'one to three spatial axes: rank 3 to 5');
  const [batch, channels, ...size] = shape;
  return { batch: batch!, channels: channels!, size };
}

/** A window's output, also where a size is not known: it stays where the window keeps it, else it is not known. */
function outputOf(c: ShapeContext, size: readonly Dim[], kernel?: readonly number[]): Dim[] {
  const known = size.map((d) => (typeof d === 'number' ? d : UNKNOWN));
  const window = windowOf(c.node, known, kernel);
  const out = windowOutput(window, known);
  return size.map((d, a) => {
    if (typeof d !== 'number') return window.strides[a] === 1 && out[a] === UNKNOWN ? d : null;
    if (!(out[a]! >= 1))
      throw mismatch(c.node, `gives a ${out.join('×')} map`, 'an input at least as large as its window');
    return out[a]!;
  });
}

/** Stands for a size that is not known: larger than any window. */
const UNKNOWN = LARGEST;

/** The spatial shape of a weight. */
function kernelOf(c: ShapeContext, rank: number): { weight: readonly Dim[]; kernel: number[] } {
  const weight = ranked(c, 1, rank);
  return { weight, kernel: weight.slice(2).map((d) => fixed(c, d, 'kernel')) };
}

function groupOf(c: ShapeContext): number {
  const group = intOf(c.node, 'group', 1);
  if (!(group >= 1)) throw mismatch(c.node, `has group ${group}`, '1 at least');
  return group;
}

export const Conv: ShapeRule = (c) => {
  const { batch, channels, size } = spatial(c);
  const { weight, kernel } = kernelOf(c, size.length + 2);
  const group = groupOf(c);
  const [out, inner] = [weight[0]!, weight[1]!];
  if (typeof channels === 'number' && typeof inner === 'number' && channels !== inner * group)
    throw mismatch(c.node, `got ${channels} channels`, `${inner * group}, as its weight says`);
  if (typeof out === 'number' && out % group !== 0)
    throw mismatch(c.node, `has ${out} outputs in ${group} groups`, 'groups of equal size');
  return [{ dtype: c.input(0).dtype, shape: [batch, out, ...outputOf(c, size, kernel)] }];
};

export const ConvTranspose: ShapeRule = (c) => {
  const { batch, channels: given, size } = spatial(c);
  const { weight, kernel } = kernelOf(c, size.length + 2);
  if (typeof given === 'number' && typeof weight[0] === 'number' && given !== weight[0])
    throw mismatch(c.node, `got ${given} channels`, `${weight[0]}, as its weight says`);
  const known = size.map((d) => (typeof d === 'number' ? d : UNKNOWN));
  const w = windowOf(c.node, known, kernel);
  const extra = intsOf(c.node, 'output_padding') ?? [];
  const stated = statedOutput(c.node, size.length);
  const out = size.map((d, a) => {
    if (stated) return stated[a]!;
    if (typeof d !== 'number') return null;
    const span = (kernel[a]! - 1) * w.dilations[a]! + 1;
    const n = w.strides[a]! * (d - 1) + (extra[a] ?? 0) + span - w.pads[a]! - w.pads[a + size.length]!;
    if (!(n >= 1)) throw mismatch(c.node, `gives a map of size ${n}`, 'smaller pads');
    return n;
  });
  const channels = fixed(c, weight[1]!, 'channels') * groupOf(c);
  return [{ dtype: c.input(0).dtype, shape: [batch, channels, ...out] }];
};

const pool: ShapeRule = (c) => {
  const { batch, channels, size } = spatial(c);
  const shape = [batch, channels, ...outputOf(c, size)];
  return [
    { dtype: c.input(0).dtype, shape },
    { dtype: 'int64', shape },
  ];
};
export const MaxPool: ShapeRule = pool;
export const AveragePool: ShapeRule = (c) => [pool(c)[0]!];

export const GlobalAveragePool: ShapeRule = (c) => {
  const { dtype } = c.input(0);
  return [{ dtype, shape: rankedFrom(c, 0, 3).map((d, i) => (i < 2 ? d : 1)) }];
};

/** Refuses a vector of a length that is known to differ from the number of channels. */
function perChannel(c: ShapeContext, inputs: readonly number[], channels: Dim): void {
  for (const i of inputs) {
    const [size] = ranked(c, i, 1);
    if (typeof size === 'number' && typeof channels === 'number' && size !== channels)
      throw mismatch(c.node, `got ${size} values as its input ${i}`, `${channels}, one per channel`);
  }
}

export const BatchNormalization: ShapeRule = (c) => {
  const x = c.input(0);
  const channels = x.shape.length === 1 ? 1 : (rankedFrom(c, 0, 1)[1] ?? 1);
  perChannel(c, [1, 2, 3, 4], channels);
  const statistic = { dtype: c.input(3).dtype, shape: c.input(3).shape };
  return [x, statistic, statistic];
};

export const InstanceNormalization: ShapeRule = (c) => {
  perChannel(c, [1, 2], rankedFrom(c, 0, 3)[1]!);
  return [c.input(0)];
};

function blocksOf(c: ShapeContext): number {
  const b = intOf(c.node, 'blocksize', 0);
  if (!(b >= 1 && b <= 2 ** 15)) throw mismatch(c.node, `has blocksize ${b}`, '1 at least');
  return b;
}

export const DepthToSpace: ShapeRule = (c) => {
  const [n, channels, h, w] = ranked(c, 0, 4);
  const b = blocksOf(c);
  const depth = quotient(channels!, b * b);
  if (depth === null) throw mismatch(c.node, `got ${channels} channels`, `a multiple of ${b * b}`);
  const size = [h!, w!].map((d) => (typeof d === 'number' ? d * b : null));
  return [{ dtype: c.input(0).dtype, shape: [n!, depth, ...size] }];
};

export const SpaceToDepth: ShapeRule = (c) => {
  const [n, channels, h, w] = ranked(c, 0, 4);
  const b = blocksOf(c);
  const size = [h!, w!].map((d) => {
    const part = quotient(d, b);
    if (part === null && typeof d === 'number')
      throw mismatch(c.node, `got a ${h}×${w} map`, `multiples of ${b}`);
    return part;
  });
  return [{ dtype: c.input(0).dtype, shape: [n!, fixed(c, channels!, 'channels') * b * b, ...size] }];
};
