import { intOf, intsOf, type Node, type Value, type Window, windowOf } from '../../graph/index.ts';
import { interleaveChannels, type Phase, padSpatial, phasesOf } from '../phases.ts';
import { type Adjoint, type Rule, refuse, type Tape } from '../tape.ts';
import { convWeightGradient } from './conv-weight.ts';

/** Below this many channels times phases, one sub-pixel Conv beats a Conv per phase (they fill one block of 16). */
const SUBPIXEL_CHANNELS = 16;

interface Geometry {
  readonly window: Window;
  readonly group: number;
  /** Input and output height and width. */
  readonly size: readonly [number, number];
  readonly out: readonly [number, number];
}

function geometry(t: Tape, node: Node): Geometry {
  const [x, w] = node.inputs as [Value, Value];
  if (t.shape(x).length !== 4)
    throw refuse(node, `has rank ${t.shape(x).length}`, 'only 2-D convolutions are differentiated');
  const { size } = t.sizes(x, node);
  const kernel = t.shape(w).slice(2) as number[];
  return {
    window: windowOf(node, size, kernel),
    group: intOf(node, 'group', 1),
    size,
    out: t.sizes(node.outputs[0]!, node).size,
  };
}

/** W `[M, C/g, kh, kw]` to `[C, M/g, kh, kw]`: input and output channels change places within each group. */
export function swapChannels(t: Tape, w: Value, group: number): Value {
  const [m, c, kh, kw] = t.shape(w) as number[];
  if (group === 1) return t.b.transpose(w, [1, 0, 2, 3]);
  const split = t.b.reshape(w, [group, m! / group, c!, kh!, kw!]);
  return t.b.reshape(t.b.transpose(split, [0, 2, 1, 3, 4]), [group * c!, m! / group, kh!, kw!]);
}

/** y = x ⋆ W + b: dx = g ⋆ flip(Wᵀ), dW = x ⋆ g, db = Σ g over batch and space. */
export const Conv: Rule = (t, node, [g]) => {
  const geo = geometry(t, node);
  return t.each(
    node,
    () => dataGradient(t, node, g!, geo),
    () => convWeightGradient(t, node, g!, geo.window, geo.group),
    () => t.sum(g!, [0, 2, 3], false),
  );
};

function dataGradient(t: Tape, node: Node, g: Value, geo: Geometry): Adjoint {
  const { strides, dilations } = geo.window;
  if (strides[0] === 1 && strides[1] === 1) return strideOne(t, node, g, geo);
  const square = strides[0] === strides[1] && dilations[0] === 1 && dilations[1] === 1;
  if (t.emitter === 'cuda' || !square) return byConvTranspose(t, node, g, geo);
  return byPhases(t, node, g, geo);
}

function strideOne(t: Tape, node: Node, g: Value, { window: w, group, size, out }: Geometry): Value {
  const weight = t.b.flip(swapChannels(t, node.inputs[1]!, group), [2, 3]);
  const span = [0, 1].map((a) => w.dilations[a]! * (w.kernel[a]! - 1));
  const before = [0, 1].map((a) => span[a]! - w.pads[a]!);
  const after = [0, 1].map((a) => size[a]! - out[a]! - before[a]! + span[a]!);
  return correlate(t, g, weight, before, after, { group, dilations: w.dilations });
}

/** A stride-1 Conv whose padding may be negative (then g is cut first). */
function correlate(
  t: Tape,
  g: Value,
  weight: Value,
  before: readonly number[],
  after: readonly number[],
  { group = 1, dilations = [1, 1] }: { group?: number; dilations?: readonly number[] },
): Value {
  const cut = (v: readonly number[]) => v.map((p) => Math.min(0, p));
  const grow = (v: readonly number[]) => v.map((p) => Math.max(0, p));
  const input = padSpatial(t, g, cut(before), cut(after));
  const kernel_shape = t.shape(weight).slice(2) as number[];
  return t.b.op('Conv', [input, weight], {
    kernel_shape,
    pads: [...grow(before), ...grow(after)],
    group,
    dilations,
  });
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
  const stride = w.strides[0];
  const rows = phasesOf(size[0], out[0], w.kernel[0], stride, w.pads[0]);
  const columns = phasesOf(size[1], out[1], w.kernel[1], stride, w.pads[1]);
  const weight = t.b.flip(swapChannels(t, node.inputs[1]!, group), [2, 3]);
  const pairs = rows.phases.flatMap((a) => columns.phases.map((b) => [a, b] as const));
  const channels = t.shape(weight)[0] as number;

  if (
    group === 1 &&
    channels * stride ** 2 <= SUBPIXEL_CHANNELS &&
    pairs.every(([a, b]) => a.taps && b.taps)
  ) {
    const tops = Math.max(...rows.phases.map((p) => p.before));
    const lefts = Math.max(...columns.phases.map((p) => p.before));
    const height = Math.max(...rows.phases.map((p) => tops - p.before + p.taps));
    const width = Math.max(...columns.phases.map((p) => lefts - p.before + p.taps));
    const kernels = pairs.map(([a, b]) => {
      const [top, left] = [tops - a.before, lefts - b.before];
      const rest = [0, 0, height - top - a.taps, width - left - b.taps];
      return t.b.pad(phaseKernel(t, weight, a, b, stride), [0, 0, top, left], rest);
    });
    const after = [rows.q - out[0] - tops + height - 1, columns.q - out[1] - lefts + width - 1];
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
  const output_padding = [0, 1].map(
    (a) =>
      size[a]! -
      (w.strides[a]! * (out[a]! - 1) +
        w.dilations[a]! * (w.kernel[a]! - 1) +
        1 -
        w.pads[a]! -
        w.pads[a + 2]!),
  );
  return t.b.op('ConvTranspose', [g, node.inputs[1]!], {
    kernel_shape: w.kernel,
    strides: w.strides,
    dilations: w.dilations,
    pads: w.pads,
    group,
    output_padding,
  });
}

/** y = ConvTranspose(x, W): dx = g ⋆ W, with the same strides and pads; dW = g ⋆ x, the roles exchanged. */
export const ConvTranspose: Rule = (t, node, [g]) => {
  const [x, w] = node.inputs as [Value, Value];
  if (intsOf(node, 'output_shape')) throw refuse(node, 'has output_shape', 'write it with pads');
  const window = windowOf(node, t.sizes(x, node).size, t.shape(w).slice(2) as number[]);
  const group = intOf(node, 'group', 1);
  const attributes = {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads: window.pads,
    group,
  };
  return t.each(
    node,
    () => t.b.op('Conv', [g!, w], attributes),
    () => {
      const swapped: Node = { ...node, inputs: [g!, w], outputs: [x] };
      return convWeightGradient(t, swapped, x, window, group);
    },
    () => t.sum(g!, [0, 2, 3], false),
  );
};
