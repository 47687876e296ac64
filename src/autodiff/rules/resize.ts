import { floatOf, intOf, intsOf, type Node, stringOf, type Value } from '../../graph/index.ts';
import { fixedDims, LARGEST_TABLE, oneOpen, type Rule, refuse, type Tape } from '../tape.ts';

/** How one axis is resampled: `[out, in]` weights are made from this. */
interface Axis {
  readonly size: number;
  readonly out: number;
  readonly scale: number;
  /** Where the region of interest begins and ends, as a share of the axis. */
  readonly roi: readonly [number, number];
}

/** Every axis of y is a matrix times that of x (the modes are separable), so each axis of g goes back by its transpose. */
export const Resize: Rule = (t, node, [g]) => {
  const axes = resized(t, node);
  let value = g!;
  for (const [axis, a] of axes) {
    if (a.size * a.out > LARGEST_TABLE) throw refuse(node, `resizes ${a.size} to ${a.out}`);
    const weights = weightsOf(node, a);
    value = repeats(weights, a)
      ? sumOfCopies(t, node, value, axis, a)
      : t.along(node, value, axis, a.size, transposedTable(t, node, weights, a));
  }
  return [value];
};

/** The axes that change, with their scales as the node gives them: by scales, or by sizes. */
function resized(t: Tape, node: Node): Map<number, Axis> {
  const [x, roi, scales, sizes] = node.inputs as [Value, Value?, Value?, Value?];
  const [from, to] = [t.shape(x), t.shape(node.outputs[0]!)];
  const given = intsOf(node, 'axes')?.map((a) => (a < 0 ? a + from.length : a)) ?? from.map((_, i) => i);
  const read = (v: Value | undefined) =>
    v ? Array.from((t.constant(v)?.data ?? []) as ArrayLike<number | bigint>, Number) : [];
  const [factors, wanted, region] = [read(scales), read(sizes), read(roi)];
  const policy = stringOf(node, 'keep_aspect_ratio_policy', 'stretch');
  const ratios = given.map((axis, i) => (wanted[i] ?? Number.NaN) / (from[axis] as number));
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  const found = new Map<number, Axis>();
  for (const [i, axis] of given.entries()) {
    const same = from[axis] === to[axis];
    if (typeof from[axis] !== 'number' && same && (factors[i] ?? 1) === 1) continue;
    const [size, out] = fixedDims(node, [from[axis]!, to[axis]!]) as [number, number];
    const scale = factors[i] ?? Math.fround(policy === 'stretch' ? out / size : common);
    const part: Axis = { size, out, scale, roi: [region[i] ?? 0, region[i + given.length] ?? 1] };
    const crops = stringOf(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize';
    if (!same || scale !== 1 || crops) found.set(axis, part);
  }
  return found;
}

/**
 * Where output position `o` lies in the input, by the node's coordinate_transformation_mode: in float32 and by the size
 * of the output, as engines have it, since the neighbour that a tie picks depends on that.
 */
function coordinate(node: Node, o: number, { size, out, scale, roi }: Axis): number {
  const f = Math.fround;
  const halfway = f(f((o + 0.5) / scale) - 0.5);
  switch (stringOf(node, 'coordinate_transformation_mode', 'half_pixel')) {
    case 'half_pixel':
      return halfway;
    case 'asymmetric':
      return f(o / scale);
    case 'align_corners':
      return out > 1 ? f((o * (size - 1)) / (out - 1)) : 0;
    case 'pytorch_half_pixel':
      return out > 1 ? halfway : 0;
    case 'half_pixel_symmetric':
      return f((size / 2) * (1 - out / (scale * size)) + f((o + 0.5) / scale) - 0.5);
    case 'tf_half_pixel_for_nn':
      return f((o + 0.5) / scale);
    case 'tf_crop_and_resize':
      return out > 1
        ? f(roi[0] * (size - 1) + (o * (roi[1] - roi[0]) * (size - 1)) / (out - 1))
        : f(0.5 * (roi[0] + roi[1]) * (size - 1));
    default:
      throw refuse(node, 'has a coordinate transformation that ONNX does not define');
  }
}

/** One output position: the first input position that it reads, and the weights from there on. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** The taps of each output position; positions outside the image are clamped to its border when used. */
function weightsOf(node: Node, axis: Axis): (o: number) => Taps {
  const mode = stringOf(node, 'mode', 'nearest');
  const crops = stringOf(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize';
  return (o) => {
    const x = coordinate(node, o, axis);
    // What lies outside is a constant, without a gradient.
    if (crops && (x < 0 || x > axis.size - 1)) return { first: 0, weights: [] };
    if (mode === 'nearest') return { first: nearest(node, x), weights: [1] };
    return filtered(node, x, axis, mode);
  };
}

/** Sides of `round_prefer_floor` (the default), `round_prefer_ceil`, `floor` and `ceil`. */
function nearest(node: Node, x: number): number {
  switch (stringOf(node, 'nearest_mode', 'round_prefer_floor')) {
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** Linear and cubic interpolation; with antialias and a scale below 1 the filter is as wide as the pixels it replaces. */
function filtered(node: Node, x: number, axis: Axis, mode: string): Taps {
  const shrink = intOf(node, 'antialias', 0) && axis.scale < 1 ? axis.scale : 1;
  const support = (mode === 'cubic' ? 2 : 1) / shrink;
  const a = floatOf(node, 'cubic_coeff_a', -0.75);
  const kernel = (d: number) => (mode === 'cubic' ? cubic(Math.abs(d), a) : Math.max(0, 1 - Math.abs(d)));
  // Far outside (hostile scales), or wider than the image, the sum runs over no more than the border.
  const first = Math.max(Math.floor(x - support) + 1, -axis.size - 4);
  const last = Math.min(Math.ceil(x + support) - 1, 2 * axis.size + 4);
  const excluded = intOf(node, 'exclude_outside', 0) === 1;
  const weights = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => {
    const at = first + i;
    return excluded && (at < 0 || at >= axis.size) ? 0 : kernel((at - x) * shrink);
  });
  const total = weights.reduce((sum, w) => sum + w, 0);
  const scaled = (shrink !== 1 || excluded) && total !== 0;
  return { first, weights: scaled ? weights.map((w) => w / total) : weights };
}

/** Keys's cubic convolution kernel: W(d) with the free coefficient `a`. */
function cubic(d: number, a: number): number {
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

const clamped = (at: number, size: number): number => Math.min(Math.max(at, 0), size - 1);

/** Whether every input pixel is just copied `out/size` times. */
function repeats(taps: (o: number) => Taps, { size, out }: Axis): boolean {
  if (out % size !== 0) return false;
  for (let o = 0; o < out; o++) {
    const { first, weights } = taps(o);
    if (weights.length !== 1 || clamped(first, size) !== Math.floor(o / (out / size))) return false;
  }
  return true;
}

/** `[…, size·s, …]` to `[…, size, …]`, each element the sum of its copies. */
function sumOfCopies(t: Tape, node: Node, g: Value, axis: number, { size, out }: Axis): Value {
  const shape = t.shape(g).flatMap((d, i) => (i === axis ? [size, out / size] : [d]));
  return t.sum(t.b.reshape(g, oneOpen(node, shape)), [axis + 1], false);
}

/** The weights as a matrix `[size, out]`. */
function transposedTable(t: Tape, node: Node, taps: (o: number) => Taps, { size, out }: Axis): Value {
  return t.table(node, [size, out], (data) => {
    for (let o = 0; o < out; o++) {
      const { first, weights } = taps(o);
      for (const [i, w] of weights.entries()) {
        const at = clamped(first + i, size) * out + o;
        data[at] = data[at]! + w;
      }
    }
  });
}
