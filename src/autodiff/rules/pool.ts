import { float32, intOf, type Node, type Value, type Window, windowOf } from '../../graph/index.ts';
import { interleave, padSpatial, phasesOf } from '../phases.ts';
import { type Adjoint, type Rule, refuse, type Tape } from '../tape.ts';

interface Pool {
  readonly window: Window;
  readonly size: readonly [number, number];
  readonly out: readonly [number, number];
}

function geometry(t: Tape, node: Node): Pool {
  if (t.shape(node.inputs[0]!).length !== 4) throw refuse(node, 'is not 2-D');
  const { size } = t.sizes(node.inputs[0]!, node);
  return { window: windowOf(node, size), size, out: t.sizes(node.outputs[0]!, node).size };
}

/** How many pixels each window averages over. */
function counts(p: Pool, includePad: boolean): Float32Array {
  const { kernel, strides, dilations, pads } = p.window;
  const along = [0, 1].map((a) =>
    Array.from({ length: p.out[a]! }, (_, o) => {
      let n = 0;
      for (let k = 0; k < kernel[a]!; k++) {
        const at = o * strides[a]! - pads[a]! + k * dilations[a]!;
        // What ceil_mode adds beyond the declared padding never counts.
        if (includePad ? at < p.size[a]! + pads[a + 2]! : at >= 0 && at < p.size[a]!) n += 1;
      }
      return n;
    }),
  );
  return Float32Array.from(along[0]!.flatMap((r) => along[1]!.map((c) => r * c)));
}

/** y = mean over the window: dx is g divided by each window's count, summed over the windows that hold a pixel. */
export const AveragePool: Rule = (t, node, [g]) => {
  const p = geometry(t, node);
  const { kernel, strides, dilations } = p.window;
  if (dilations.some((d) => d !== 1)) throw refuse(node, 'is dilated');
  const weights = counts(p, intOf(node, 'count_include_pad', 0) === 1).map((n) => 1 / n);
  const uniform = weights.every((w) => w === weights[0]);
  const share = t.mul(g!, uniform ? weights[0]! : t.b.floats(weights, [1, 1, ...p.out]));
  return [spread(t, node, share, p, kernel, strides)];
};

/** Sums each output's share over its window: an AveragePool (times its size) of the phases that a stride makes. */
function spread(
  t: Tape,
  node: Node,
  share: Value,
  p: Pool,
  kernel: readonly number[],
  strides: readonly number[],
): Adjoint {
  if (strides[0] !== strides[1]) throw refuse(node, 'has different strides for rows and columns');
  const stride = strides[0]!;
  const [rows, columns] = [0, 1].map((a) =>
    phasesOf(p.size[a]!, p.out[a]!, kernel[a]!, stride, p.window.pads[a]!),
  );
  const phases = rows!.phases.flatMap((a) =>
    columns!.phases.map((b) => {
      if (a.taps === 0 || b.taps === 0) return null;
      if (a.taps === 1 && b.taps === 1) return padSpatial(t, share, [a.before, b.before], [a.after, b.after]);
      // A pool's padding must be smaller than its kernel; where more is wanted after it, the results are zero.
      const cut = [a, b].map((phase) => Math.min(0, phase.after));
      const pads = [a, b].map((phase) => Math.min(Math.max(0, phase.after), phase.taps - 1));
      const input = padSpatial(
        t,
        share,
        [a, b].map((phase) => Math.min(0, phase.before)),
        cut,
      );
      const mean = t.b.op('AveragePool', [input], {
        kernel_shape: [a.taps, b.taps],
        pads: [Math.max(0, a.before), Math.max(0, b.before), ...pads],
        count_include_pad: 1,
      });
      const rest = [a, b].map((phase, i) => Math.max(0, phase.after) - pads[i]!);
      return padSpatial(t, t.mul(mean, a.taps * b.taps), [0, 0], rest);
    }),
  );
  return stride === 1 ? phases[0]! : { stride, phases };
}

/** y = mean over space: dx = g/HW, spread. */
export const GlobalAveragePool: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  const { size } = t.sizes(x, node);
  return [t.blocked(t.expandLike(t.mul(g!, 1 / (size[0] * size[1])), x, [2, 3]))];
};

/** y = max over the window: g goes to the first pixel, in row-major order, that has the maximum. */
export const MaxPool: Rule = (t, node, [g, gIndices]) => {
  if (gIndices) throw refuse(node, 'has its Indices used');
  const p = geometry(t, node);
  const { kernel, strides, dilations, pads } = p.window;
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  if (kernel.every((k) => k === 1) && strides.every((s) => s === 1)) return [g];
  if (strides[0] !== strides[1]) throw refuse(node, 'has different strides for rows and columns');
  const stride = strides[0];
  // Pad x so that every window, those that ceil_mode adds included, lies inside.
  const reach = [0, 1].map((a) => (p.out[a]! - 1) * stride + (kernel[a]! - 1) * dilations[a]! + 1);
  const after = [0, 1].map((a) => Math.max(0, reach[a]! - pads[a]! - p.size[a]!));
  const low = t.b.constant(float32([-3.4028234663852886e38], []), 'lowest');
  const amounts = t.b.ints([0, 0, pads[0], pads[1], 0, 0, ...after]);
  const padded = pads[0] || pads[1] || after[0] || after[1] ? t.b.op('Pad', [x, amounts, low]) : x;
  const q = [0, 1].map((a) => Math.ceil((p.size[a]! + pads[a]! + after[a]!) / stride));

  const phases = new Array<Value | null>(stride ** 2).fill(null);
  let free: Value | undefined; // 1 while no pixel of the window has won yet
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const at = [i * dilations[0], j * dilations[1]];
      const slices = [0, 1].map((a) => ({
        axis: a + 2,
        start: at[a]!,
        end: at[a]! + (p.out[a]! - 1) * stride + 1,
        step: stride,
      }));
      const equal = t.b.op('Cast', [t.b.op('Equal', [t.b.slice(padded, slices), y])], { to: 1 });
      const wins = free === undefined ? equal : t.mul(equal, free);
      free = free === undefined ? t.b.op('Sub', [t.b.scalar(1), wins]) : t.b.op('Sub', [free, wins]);
      const shift = at.map((n) => Math.floor(n / stride));
      const rest = [0, 1].map((a) => q[a]! - p.out[a]! - shift[a]!);
      const piece = padSpatial(t, t.mul(wins, g!), shift, rest);
      const phase = (at[0]! % stride) * stride + (at[1]! % stride);
      const before = phases[phase] ?? null;
      phases[phase] = before === null ? piece : t.add(before, piece);
    }
  }
  const whole = stride === 1 ? phases[0]! : interleave(t, { stride, phases }, padded);
  const cuts = [0, 1].flatMap((a) =>
    t.shape(whole)[a + 2] === p.size[a] ? [] : [{ axis: a + 2, start: pads[a]!, end: pads[a]! + p.size[a]! }],
  );
  return [t.b.slice(whole, cuts)];
};
