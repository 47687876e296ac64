import { intOf, type Node, type Value, type Window, windowOf } from '../../graph/index.ts';
import { cutsAll, interleaveChannels, type Phase, padSpatial, phasesOf, spreadOut } from '../phases.ts';
import { type Adjoint, fixedDims, type Rule, type Tape } from '../tape.ts';
import { convWeightGradient } from './conv-weight.ts';

/** Below this many channels times phases, one sub-pixel Conv beats a Conv per phase (they fill one block of 16). */
const SUBPIXEL_CHANNELS = 16;

type Phases = ReturnType<typeof phasesOf>;

/** Beyond this stride, a convolution per phase is too many nodes. */
const LARGEST_STRIDE = 8;

interface Geometry {
  readonly window: Window;
  readonly group: number;
  /** Spatial sizes of the input and the output. */
  readonly size: readonly number[];
  readonly out: readonly number[];
}

function geometry(t: Tape, node: Node): Geometry {
  const [x, w] = node.inputs as [Value, Value];
  const size = t.spatial(x, node);
  const kernel = t.spatial(w, node);
  return {
    window: windowOf(node, size, kernel),
    group: intOf(node, 'group', 1),
    size,
    out: t.spatial(node.outputs[0]!, node),
  };
}

const spatialAxes = (t: Tape, v: Value): number[] => t.shape(v).flatMap((_, i) => (i >= 2 ? [i] : []));

/**
 * W `[M, C/g, …]` to `[C, M/g, …]`: input and output channels change places within each group. C is dynamic where W
 * was an image (the second derivative of a weight).
 */
export function swapChannels(t: Tape, node: Node, w: Value, group: number): Value {
  const kernel = t.spatial(w, node);
  const rest = kernel.map((_, i) => i + 2);
  if (group === 1) return t.b.transpose(w, [1, 0, ...rest]);
  const [m] = fixedDims(node, [t.shape(w)[0]!]) as [number];
  const c = t.shape(w)[1]!;
  const split = t.b.reshape(w, [group, m / group, typeof c === 'number' ? c : -1, ...kernel]);
  const swapped = t.b.transpose(split, [0, 2, 1, ...rest.map((i) => i + 1)]);
  return t.b.reshape(swapped, [typeof c === 'number' ? group * c : -1, m / group, ...kernel]);
}

/** y = x ⋆ W + b: dx = g ⋆ flip(Wᵀ), dW = x ⋆ g, db = Σ g over batch and space. In any number of dimensions. */
export const Conv: Rule = (t, node, [g]) => {
  const geo = geometry(t, node);
  return t.each(
    node,
    () => dataGradient(t, node, g!, geo),
    () => convWeightGradient(t, node, g!, geo.window, geo.group),
    () => t.sum(g!, [0, ...spatialAxes(t, g!)], false),
  );
};

function dataGradient(t: Tape, node: Node, g: Value, geo: Geometry): Adjoint {
  const { strides, dilations } = geo.window;
  if (strides.every((s) => s === 1)) return strideOne(t, node, g, geo);
  // An image that served as a weight (in a second derivative) has the batch for its channels.
  if (typeof t.shape(node.inputs[1]!)[1] !== 'number') return byZeros(t, node, g, geo);
  const [stride] = strides;
  const square = strides.length === 2 && stride === strides[1] && dilations.every((d) => d === 1);
  if (t.emitter === 'cpu' && square && stride! <= LARGEST_STRIDE) return byPhases(t, node, g, geo);
  if (t.emitter === 'cpu' && geo.group > 1) return byZeros(t, node, g, geo);
  return byConvTranspose(t, node, g, geo);
}

/** g with its zeros between is what a stride of 1 would have given: a grouped ConvTranspose is slower on the CPU. */
function byZeros(t: Tape, node: Node, g: Value, geo: Geometry): Value {
  const strides = geo.window.strides;
  const wide = strides.reduce((v, s, a) => spreadOut(t, v, a + 2, s), g);
  const out = geo.out.map((n, a) => (n - 1) * strides[a]! + 1);
  return strideOne(t, node, wide, { ...geo, out });
}

function strideOne(t: Tape, node: Node, g: Value, { window: w, group, size, out }: Geometry): Value {
  const weight = t.b.flip(swapChannels(t, node, node.inputs[1]!, group), spatialAxes(t, g));
  const span = size.map((_, a) => w.dilations[a]! * (w.kernel[a]! - 1));
  const before = span.map((s, a) => s - w.pads[a]!);
  const after = span.map((s, a) => size[a]! - out[a]! - before[a]! + s);
  // Where every window lies in the padding, nothing comes back.
  if (cutsAll(t, g, before, after)) return t.zerosLike(node.inputs[0]!);
  return correlate(t, g, weight, before, after, { group, dilations: w.dilations });
}

/** A Conv whose padding may be negative (then g is cut first). */
function correlate(
  t: Tape,
  g: Value,
  weight: Value,
  before: readonly number[],
  after: readonly number[],
  {
    group = 1,
    dilations,
    strides,
  }: { group?: number; dilations?: readonly number[]; strides?: readonly number[] },
): Value {
  const cut = (v: readonly number[]) => v.map((p) => Math.min(0, p));
  const grow = (v: readonly number[]) => v.map((p) => Math.max(0, p));
  const input = padSpatial(t, g, cut(before), cut(after));
  const kernel_shape = t.shape(weight).slice(2) as number[];
  const pads = [...grow(before), ...grow(after)];
  return t.b.op('Conv', [input, weight], { kernel_shape, pads, group, dilations, strides });
}

/** The part of the flipped, swapped weight that reaches phase (a, b). */
function phaseKernel(t: Tape, weight: Value, a: Phase, b: Phase, stride: number): Value {
  const axis = (p: Phase, at: number) => {
    const kernel = t.shape(weight)[at] as number;
    // Tap first + s·t stands at kernel − 1 − (first + s·t) of the flipped weight: count back from the last one.
    const lastTap = p.first + stride * (p.taps - 1);
    return { axis: at, start: kernel - 1 - lastTap, end: kernel - p.first, step: stride };
  };
  return t.b.slice(weight, [axis(a, 2), axis(b, 3)]);
}

function byPhases(t: Tape, node: Node, g: Value, { window: w, group, size, out }: Geometry): Adjoint {
  const stride = w.strides[0]!;
  const [rows, columns] = [0, 1].map((a) =>
    phasesOf(size[a]!, out[a]!, w.kernel[a]!, stride, w.pads[a]!),
  ) as [Phases, Phases];
  const weight = t.b.flip(swapChannels(t, node, node.inputs[1]!, group), [2, 3]);
  const pairs = rows.phases.flatMap((a) => columns.phases.map((b) => [a, b] as const));
  const channels = t.shape(weight)[0] as number;

  const tops = Math.max(...rows.phases.map((p) => p.before));
  const lefts = Math.max(...columns.phases.map((p) => p.before));
  const height = Math.max(...rows.phases.map((p) => tops - p.before + p.taps));
  const width = Math.max(...columns.phases.map((p) => lefts - p.before + p.taps));
  // Patches that do not overlap (a transformer's embedding) are one product, however many phases they have.
  const patches = height === 1 && width === 1;
  if (
    group === 1 &&
    (patches || channels * stride ** 2 <= SUBPIXEL_CHANNELS) &&
    pairs.every(([a, b]) => a.taps && b.taps)
  ) {
    const kernels = pairs.map(([a, b]) => {
      const [top, left] = [tops - a.before, lefts - b.before];
      const rest = [0, 0, height - top - a.taps, width - left - b.taps];
      return t.b.pad(phaseKernel(t, weight, a, b, stride), [0, 0, top, left], rest);
    });
    const after = [rows.q - out[0]! - tops + height - 1, columns.q - out[1]! - lefts + width - 1];
    const stacked = correlate(t, g, t.b.concat(kernels, 0), [tops, lefts], after, {});
    return interleaveChannels(t, stacked, stride, node.inputs[0]!);
  }

  const phases = pairs.map(([a, b]) =>
    a.taps && b.taps
      ? correlate(t, g, phaseKernel(t, weight, a, b, stride), [a.before, b.before], [a.after, b.after], {
          group,
        })
      : null,
  );
  return { stride, phases };
}

function byConvTranspose(t: Tape, node: Node, g: Value, { window: w, group, size, out }: Geometry): Value {
  const rank = size.length;
  const extent = (a: number) => w.strides[a]! * (out[a]! - 1) + w.dilations[a]! * (w.kernel[a]! - 1) + 1;
  const missing = size.map((n, a) => n + w.pads[a]! + w.pads[a + rank]! - extent(a));
  const attributes = { kernel_shape: w.kernel, strides: w.strides, dilations: w.dilations, group };
  // onnxruntime takes an output padding only below the stride and the dilation; what is more is zeros.
  const small = missing.every((n, a) => n >= 0 && n < Math.max(w.strides[a]!, w.dilations[a]!));
  if (small && w.pads.every((p) => p >= 0))
    return t.b.op('ConvTranspose', [g, node.inputs[1]!], {
      ...attributes,
      pads: w.pads,
      output_padding: missing,
    });
  const whole = t.b.op('ConvTranspose', [g, node.inputs[1]!], attributes);
  const before = size.map((_, a) => -w.pads[a]!);
  return padSpatial(
    t,
    whole,
    before,
    size.map((n, a) => n - extent(a) - before[a]!),
  );
}

/**
 * y = ConvTranspose(x, W): dx = g ⋆ W, with the same strides and pads; dW = g ⋆ x, the roles exchanged. However the
 * node says its padding (pads, auto_pad, output_shape, output_padding), what follows after is what the sizes leave.
 */
export const ConvTranspose: Rule = (t, node, [g]) => {
  const [x, w] = node.inputs as [Value, Value];
  const size = t.spatial(x, node);
  const out = t.spatial(node.outputs[0]!, node);
  const given = windowOf(node, size, t.spatial(w, node));
  const group = intOf(node, 'group', 1);
  const extent = size.map(
    (n, a) => (n - 1) * given.strides[a]! + given.dilations[a]! * (given.kernel[a]! - 1) + 1,
  );
  const before = given.pads.slice(0, size.length);
  const after = extent.map((e, a) => e - before[a]! - out[a]!);
  const window: Window = { ...given, pads: [...before, ...after] };
  return t.each(
    node,
    () =>
      cutsAll(t, g!, before, after)
        ? t.zerosLike(x)
        : correlate(t, g!, w, before, after, {
            group,
            dilations: window.dilations,
            strides: window.strides,
          }),
    () => convWeightGradient(t, { ...node, inputs: [g!, w], outputs: [x] }, x, window, group),
    () => t.sum(g!, [0, ...spatialAxes(t, g!)], false),
  );
};
