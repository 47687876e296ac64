import type { Call, Dense } from './kernel.ts';

type Triple = readonly [number, number, number];

/**
 * The geometry of a window that slides over the spatial axes, filled up to three of them: an image is a volume of
 * depth 1, a signal one of depth and height 1.
 */
export interface Window {
  /** The number of spatial axes that there are. */
  readonly rank: number;
  readonly size: Triple;
  readonly kernel: Triple;
  readonly strides: Triple;
  readonly dilations: Triple;
  readonly before: Triple;
  readonly after: Triple;
  /** The size of the output. */
  readonly out: Triple;
}

/** Filled up at the front to three axes. */
export const three = (values: readonly number[], fill: number): Triple => {
  const at = (i: number) => values[i - 3 + values.length] ?? fill;
  return [at(0), at(1), at(2)];
};

/** The attributes of a window, checked: one value per spatial axis, kernel, strides and dilations at least 1. */
export function windowAttributes(
  c: Call,
  x: Dense,
  weightKernel?: readonly number[],
): { kernel: number[]; strides: number[]; dilations: number[]; pads: number[]; auto: string } {
  const rank = x.shape.length - 2;
  if (rank < 1 || rank > 3) throw c.unsupported(`has ${Math.max(rank, 0)} spatial axes`, '1 to 3');
  const read = (name: string, fallback: readonly number[], count = rank): number[] => {
    const values = c.ints(name) ?? fallback;
    if (values.length !== count) throw c.misfit(`has ${values.length} ${name}`, `${count}`);
    return [...values];
  };
  const ones = new Array<number>(rank).fill(1);
  const kernel = read('kernel_shape', weightKernel ?? []);
  if (weightKernel?.some((k, i) => k !== kernel[i]))
    throw c.misfit(`has kernel_shape [${kernel}] and a weight of [${weightKernel}]`, 'the same');
  const [strides, dilations] = [read('strides', ones), read('dilations', ones)];
  if ([...kernel, ...strides, ...dilations].some((v) => v < 1))
    throw c.misfit('has a kernel, stride or dilation below 1', '1 at least');
  const auto = c.string('auto_pad', 'NOTSET');
  if (!['NOTSET', '', 'VALID', 'SAME_UPPER', 'SAME_LOWER'].includes(auto))
    throw c.unsupported(`has auto_pad ${auto}`, 'NOTSET, VALID, SAME_UPPER or SAME_LOWER');
  const zeros = new Array<number>(2 * rank).fill(0);
  const pads = auto === 'NOTSET' || auto === '' ? read('pads', zeros, 2 * rank) : zeros;
  return { kernel, strides, dilations, pads, auto };
}

/** The window of a convolution or a pooling. @throws E_SHAPE where it does not fit into the input */
export function windowOf(c: Call, x: Dense, weightKernel?: readonly number[]): Window {
  const { kernel, strides, dilations, pads, auto } = windowAttributes(c, x, weightKernel);
  const size = x.shape.slice(2);
  const rank = size.length;
  const ceil = c.int('ceil_mode', 0) !== 0;
  const [before, after] = [pads.slice(0, rank), pads.slice(rank)];
  const out = size.map((n, a) => {
    const span = dilations[a]! * (kernel[a]! - 1) + 1;
    if (auto.startsWith('SAME')) {
      const wanted = Math.ceil(n / strides[a]!);
      const total = Math.max(0, (wanted - 1) * strides[a]! + span - n);
      before[a] = auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      after[a] = total - before[a]!;
      return wanted;
    }
    const steps = (n + before[a]! + after[a]! - span) / strides[a]!;
    const count = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // No window may start in the padding after the image.
    return ceil && (count - 1) * strides[a]! >= n + before[a]! ? count - 1 : count;
  });
  if (out.some((n) => n < 0)) throw c.misfit(`gives a map of [${out}]`, 'an input as large as its window');
  return {
    rank,
    size: three(size, 1),
    kernel: three(kernel, 1),
    strides: three(strides, 1),
    dilations: three(dilations, 1),
    before: three(before, 0),
    after: three(after, 0),
    out: three(out, 1),
  };
}

/** The taps k in [from, to) of an axis for which `start + k·dilation` lies in [0, size). */
export function taps(
  w: Pick<Window, 'kernel' | 'dilations'>,
  axis: 0 | 1 | 2,
  start: number,
  size: number,
): { from: number; to: number } {
  const d = w.dilations[axis];
  const from = start < 0 ? Math.ceil(-start / d) : 0;
  const to = Math.min(w.kernel[axis], Math.ceil((size - start) / d));
  return { from, to: Math.max(from, to) };
}

export const volume = ([a, b, d]: Triple): number => a * b * d;
