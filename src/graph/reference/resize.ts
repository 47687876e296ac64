import { type Call, type Dense, elements, type Kernel } from './kernel.ts';

/** What an axis' resizing needs: sizes, the scale, and the part of the input that is looked at. */
interface Axis {
  readonly size: number;
  readonly out: number;
  readonly scale: number;
  readonly roi: readonly [start: number, end: number];
}

/** One output coordinate as a weighted sum of inputs: those from `first` on. Outside the region, nothing. */
interface Sample {
  readonly first: number;
  readonly weights: readonly number[];
  readonly outside: boolean;
}

/**
 * Where an output coordinate lies in the input. Engines compute it in float32, and what nearest-neighbour picks at a
 * tie depends on that.
 */
function original(c: Call, mode: string, x: number, { size, out, scale, roi }: Axis): number {
  const f = Math.fround;
  // An axis that keeps its size is left as it is.
  if (scale === 1 && mode !== 'tf_crop_and_resize') return x;
  switch (mode) {
    case 'half_pixel':
      return f(f((x + 0.5) / scale) - 0.5);
    case 'pytorch_half_pixel':
      return out > 1 ? f(f((x + 0.5) / scale) - 0.5) : 0;
    case 'half_pixel_symmetric': {
      // The centres of both images meet, also where the output's size was rounded down.
      const shift = (size / 2) * (1 - out / (scale * size));
      return f(shift + f((x + 0.5) / scale) - 0.5);
    }
    case 'asymmetric':
      return f(x / scale);
    case 'align_corners':
      return out > 1 ? f((x * (size - 1)) / (out - 1)) : 0;
    case 'tf_half_pixel_for_nn':
      return f((x + 0.5) / scale);
    case 'tf_crop_and_resize': {
      const [start, end] = roi;
      return out > 1
        ? f(start * (size - 1) + (x * (end - start) * (size - 1)) / (out - 1))
        : f(0.5 * (start + end) * (size - 1));
    }
    default:
      throw c.unsupported(`has coordinate_transformation_mode ${mode}`, 'one of those of Resize');
  }
}

/** How near to half-way onnxruntime still rounds as if it were. */
const TIE = 1e-6;

/** Which neighbour: 0 the one at or before, 1 the one after, by how far (0, 1] the coordinate is past the former. */
function nearest(c: Call, mode: string, past: number): 0 | 1 {
  if (past === 1) return 1;
  switch (mode) {
    case 'round_prefer_floor':
      return past > 0.5 + TIE ? 1 : 0;
    case 'round_prefer_ceil':
      return past >= 0.5 - TIE ? 1 : 0;
    case 'floor':
      return 0;
    case 'ceil':
      return 1;
    default:
      throw c.unsupported(`has nearest_mode ${mode}`, 'round_prefer_floor, round_prefer_ceil, floor or ceil');
  }
}

/** The cubic convolution kernel (Keys 1981). */
export function cubic(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? a * (((x - 5) * x + 8) * x - 4) : 0;
}

/** The weights of an axis' output coordinates. */
function samplesOf(c: Call, axis: Axis, mode: string, transform: string): Sample[] {
  const excludeOutside = c.int('exclude_outside', 0) !== 0;
  const [nearestMode, a] = [c.string('nearest_mode', 'round_prefer_floor'), c.float('cubic_coeff_a', -0.75)];
  // Antialiasing widens the kernel with the input where that is the larger.
  const shrink = c.int('antialias', 0) !== 0 ? Math.min(axis.scale, 1) : 1;
  const radius = mode === 'cubic' ? 2 : 1;
  const kernel = mode === 'cubic' ? (d: number) => cubic(d, a) : (d: number) => Math.max(0, 1 - Math.abs(d));
  const start = Math.floor(-radius / shrink) + 1;
  c.steps(axis.out * (2 - 2 * start));
  return Array.from({ length: axis.out }, (_, x) => {
    const at = original(c, transform, x, axis);
    const outside = transform === 'tf_crop_and_resize' && !(at >= 0 && at <= axis.size - 1);
    const base = Math.ceil(at) - 1;
    const past = at - base;
    if (mode === 'nearest') return { first: base + nearest(c, nearestMode, past), weights: [1], outside };
    const weights = Array.from({ length: 2 - 2 * start }, (_, i) => kernel((start + i - past) * shrink));
    const first = base + start;
    if (excludeOutside)
      for (const i of weights.keys()) if (first + i < 0 || first + i >= axis.size) weights[i] = 0;
    const sum = weights.reduce((so, w) => so + w, 0);
    return { first, weights: excludeOutside || shrink < 1 ? weights.map((w) => w / sum) : weights, outside };
  });
}

/** Applies an axis' samples; coordinates beyond the border are those of the border. */
function resampled(c: Call, x: Dense, axis: number, samples: readonly Sample[]): Dense {
  const size = x.shape[axis]!;
  const y = c.make(
    x.dtype,
    x.shape.map((d, i) => (i === axis ? samples.length : d)),
  );
  const inner = elements(x.shape.slice(axis + 1));
  const outer = elements(x.shape.slice(0, axis));
  for (let o = 0; o < outer; o++)
    for (const [s, { first, weights }] of samples.entries())
      for (const [k, weight] of weights.entries()) {
        if (weight === 0) continue;
        const from = (o * size + Math.min(Math.max(first + k, 0), size - 1)) * inner;
        const to = (o * samples.length + s) * inner;
        for (let i = 0; i < inner; i++) y.data[to + i]! += weight * x.data[from + i]!;
      }
  return y;
}

/** Everything that a coordinate outside the region makes of its output is `value`. */
function extrapolate(y: Dense, axis: number, samples: readonly Sample[], value: number): void {
  const inner = elements(y.shape.slice(axis + 1));
  for (let i = 0; i < y.data.length; i++)
    if (samples[Math.floor(i / inner) % samples.length]!.outside) y.data[i] = value;
}

/** Whether samples are an axis' own elements, one by one. */
const keeps = (samples: readonly Sample[], size: number): boolean =>
  samples.length === size &&
  samples.every(({ first, weights }, k) => weights.every((w, j) => w === (first + j === k ? 1 : 0)));

const MODES: readonly string[] = ['nearest', 'linear', 'cubic'];

function resized(c: Call, x: Dense, axes: readonly Axis[], mode: string, transform: string): Dense {
  if (!MODES.includes(mode)) throw c.unsupported(`has mode ${mode}`, MODES.join(', '));
  c.make(
    x.dtype,
    axes.map((a) => a.out),
  );
  if (axes.some((a) => a.size === 0 && a.out > 0))
    throw c.misfit('resizes an empty image', 'at least one pixel');
  let y = x;
  const all = axes.map((axis) => samplesOf(c, axis, mode, transform));
  for (const [i, samples] of all.entries())
    if (!keeps(samples, axes[i]!.size)) y = resampled(c, y, i, samples);
  if (y === x) y = { ...x, data: x.data.slice() };
  const value = c.float('extrapolation_value', 0);
  for (const [i, samples] of all.entries())
    if (samples.some((s) => s.outside)) extrapolate(y, i, samples, value);
  return y;
}

/** The size that `scale` gives, as engines compute it: the product in float32, rounded down. */
const scaled = (size: number, scale: number): number => Math.floor(Math.fround(size * scale));

const given = (x: Dense | undefined): x is Dense => x !== undefined && x.data.length > 0;

/** Inputs: x, the region of interest (for tf_crop_and_resize), and either scales or sizes, of `axes` or all axes. */
export const Resize: Kernel = (c) => {
  const [x, roi, scales, sizes] = [c.input(0), c.optional(1), c.optional(2), c.optional(3)];
  const transform = c.string('coordinate_transformation_mode', 'half_pixel');
  const on = c.axes(c.ints('axes') ?? x.shape.map((_, i) => i), x.shape.length);
  const by = given(sizes) ? sizes : scales;
  if (!given(by)) throw c.misfit('has neither scales nor sizes', 'one of them');
  if (by.data.length !== on.length) throw c.misfit(`has ${by.data.length} scales or sizes`, `${on.length}`);
  const region = (k: number): readonly [number, number] =>
    given(roi) && transform === 'tf_crop_and_resize' ? [roi.data[k]!, roi.data[k + on.length]!] : [0, 1];
  if (given(roi) && transform === 'tf_crop_and_resize' && roi.data.length !== 2 * on.length)
    throw c.misfit(`has a region of ${roi.data.length} numbers`, `${2 * on.length}`);

  const policy = c.string('keep_aspect_ratio_policy', 'stretch');
  const ratios = on.map((a, k) => by.data[k]! / x.shape[a]!);
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  const axes = x.shape.map((size, a): Axis => {
    const k = on.indexOf(a);
    if (k < 0) return { size, out: size, scale: 1, roi: [0, 1] };
    const amount = by.data[k]!;
    const [from, to] = region(k);
    if (by !== sizes)
      return { size, out: scaled(size * (to - from), amount), scale: amount, roi: [from, to] };
    if (policy === 'stretch')
      return { size, out: amount, scale: Math.fround(amount / size), roi: [from, to] };
    return { size, out: Math.floor(common * size + 0.5), scale: Math.fround(common), roi: [from, to] };
  });
  if (axes.some((a) => !(a.scale > 0))) throw c.misfit('has a scale that is not positive', 'positive ones');
  return [resized(c, x, axes, c.string('mode', 'nearest'), transform)];
};

/** Resize as it was: scales only, coordinates x/scale, the nearest one before. */
export const Upsample: Kernel = (c) => {
  const x = c.input(0);
  const scales = c.optional(1) ? c.vector(1) : floats(c);
  if (scales.length !== x.shape.length || scales.some((s) => !(s > 0)))
    throw c.misfit(`has scales [${scales.slice(0, 8)}]`, `${x.shape.length} positive ones`);
  const axes = x.shape.map(
    (size, i): Axis => ({ size, out: scaled(size, scales[i]!), scale: scales[i]!, roi: [0, 1] }),
  );
  const attributes = new Map(c.node.attributes).set('nearest_mode', { type: 'string', value: 'floor' });
  const floored = c.as({ ...c.node, attributes });
  return [resized(floored, x, axes, c.string('mode', 'nearest'), 'asymmetric')];
};

function floats(c: Call): readonly number[] {
  const a = c.node.attributes.get('scales');
  return a?.type === 'floats' ? a.value : [];
}
