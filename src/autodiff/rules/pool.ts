import { intOf, type Node, type Value, type Window, windowOf } from '../../graph/index.ts';
import { padSpatial, phasesOf, spreadOut } from '../phases.ts';
import { type Adjoint, LARGEST_TABLE, type Rule, refuse, type Tape } from '../tape.ts';

export interface Pool {
  readonly window: Window;
  readonly channels: number;
  /** Spatial sizes of the input and the output. */
  readonly size: readonly number[];
  readonly out: readonly number[];
}

export function geometry(t: Tape, node: Node): Pool {
  const { size, channels } = t.sizes(node.inputs[0]!, node);
  return { window: windowOf(node, size), channels, size, out: t.sizes(node.outputs[0]!, node).size };
}

/** Beyond this stride, a map per phase is too many nodes. */
export const LARGEST_STRIDE = 8;

/** How many pixels the windows along one axis average over. What ceil_mode adds beyond the padding never counts. */
function countsAlong(p: Pool, axis: number, includePad: boolean): number[] {
  const { kernel, strides, dilations, pads } = p.window;
  const [k, d] = [kernel[axis]!, dilations[axis]!];
  const limit = p.size[axis]! + (includePad ? pads[axis + p.size.length]! : 0);
  return Array.from({ length: p.out[axis]! }, (_, o) => {
    const start = o * strides[axis]! - pads[axis]!;
    const first = includePad ? 0 : Math.max(0, Math.ceil(-start / d));
    const last = Math.min(k - 1, Math.floor((limit - 1 - start) / d));
    return Math.max(0, last - first + 1);
  });
}

/** 1 / count of each window: one number where they agree. A window without pixels has no gradient. */
function shares(t: Tape, node: Node, p: Pool): Value | number {
  const includePad = intOf(node, 'count_include_pad', 0) === 1;
  const windows = p.out.reduce((n, d) => n * d, 1);
  if (windows > LARGEST_TABLE) throw refuse(node, `has ${windows} windows`);
  const along = p.size.map((_, a) => countsAlong(p, a, includePad));
  const inverse = (n: number) => (n === 0 ? 0 : 1 / n);
  if (along.every((counts) => counts.every((n) => n === counts[0])))
    return inverse(along.reduce((n, counts) => n * (counts[0] ?? 0), 1));
  return t.table(node, [1, 1, ...p.out], (data) => {
    for (let i = 0; i < data.length; i++) {
      let [rest, count] = [i, 1];
      for (let a = along.length - 1; a >= 0; a--) {
        count *= along[a]![rest % p.out[a]!]!;
        rest = Math.floor(rest / p.out[a]!);
      }
      data[i] = inverse(count);
    }
  });
}

/** y = mean over the window: dx is g divided by each window's count, summed over the windows that hold a pixel. */
export const AveragePool: Rule = (t, node, [g]) => {
  const p = geometry(t, node);
  return [spread(t, t.mul(g!, shares(t, node, p)), p)];
};

/** Sums each output's share over its window: box sums of the phases that a stride makes, or of the share spread out. */
function spread(t: Tape, share: Value, p: Pool): Adjoint {
  const { kernel, strides, dilations, pads } = p.window;
  const stride = strides[0]!;
  const phased = strides.length === 2 && stride === strides[1] && dilations.every((d) => d === 1);
  if (phased && stride > 1 && stride <= LARGEST_STRIDE) {
    const [rows, columns] = [0, 1].map((a) => phasesOf(p.size[a]!, p.out[a]!, kernel[a]!, stride, pads[a]!));
    const phases = rows!.phases.flatMap((a) =>
      columns!.phases.map((b) => {
        if (a.taps === 0 || b.taps === 0) return null;
        return boxSum(
          t,
          share,
          [a.taps, b.taps],
          [1, 1],
          [a.before, b.before],
          [a.after, b.after],
          p.channels,
        );
      }),
    );
    return { stride, phases };
  }
  const wide = strides.reduce((v, s, a) => spreadOut(t, v, a + 2, s), share);
  const span = kernel.map((k, a) => (k - 1) * dilations[a]!);
  const before = span.map((s, a) => s - pads[a]!);
  const after = span.map((s, a) => p.size[a]! - ((p.out[a]! - 1) * strides[a]! + 1) - before[a]! + s);
  return boxSum(t, wide, kernel, dilations, before, after, p.channels);
}

/** Sums over windows of stride 1, as an AveragePool times its size. Negative padding cuts. */
function boxSum(
  t: Tape,
  value: Value,
  kernel: readonly number[],
  dilations: readonly number[],
  before: readonly number[],
  after: readonly number[],
  channels: number,
): Value {
  const taps = kernel.reduce((p, k) => p * k, 1);
  if (taps === 1) return padSpatial(t, value, before, after);
  const negative = (v: readonly number[]) => v.map((n) => Math.min(0, n));
  const positive = (v: readonly number[]) => v.map((n) => Math.max(0, n));
  const input = padSpatial(t, value, negative(before), negative(after));
  if (dilations.some((d) => d > 1)) {
    // onnxruntime's dilated AveragePool is newer than its convolution, and slower.
    const ones = t.b.floats(new Float32Array(channels * taps).fill(1), [channels, 1, ...kernel]);
    const pads = [...positive(before), ...positive(after)];
    return t.b.op('Conv', [input, ones], { group: channels, dilations, pads, kernel_shape: kernel });
  }
  // A pool's padding must be smaller than its kernel; where more is wanted, the results are zero.
  const inner = (v: readonly number[]) => positive(v).map((n, a) => Math.min(n, kernel[a]! - 1));
  const [low, high] = [inner(before), inner(after)];
  const mean = t.b.op('AveragePool', [input], {
    kernel_shape: kernel,
    pads: [...low, ...high],
    count_include_pad: 1,
  });
  const rest = (v: readonly number[], used: readonly number[]) => positive(v).map((n, a) => n - used[a]!);
  return padSpatial(t, t.mul(mean, taps), rest(before, low), rest(after, high));
}

/** y = mean over space: dx = g/HW, spread. */
export const GlobalAveragePool: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  const { size } = t.sizes(x, node);
  const share = t.mul(g!, 1 / size.reduce((p, n) => p * n, 1));
  return [
    t.blocked(
      t.expandLike(
        share,
        x,
        size.map((_, a) => a + 2),
      ),
    ),
  ];
};
