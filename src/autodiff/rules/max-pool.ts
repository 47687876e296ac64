import { float32, type Value } from '../../graph/index.ts';
import { interleave, interleaveAxis, padSpatial } from '../phases.ts';
import { type Rule, refuse, type Tape } from '../tape.ts';
import { geometry, type Pool } from './pool.ts';

/** The gradient of a max pool is a few nodes per pixel of its window. */
const LARGEST_WINDOW = 32 * 32;
const MOST_PHASES = 64;

/** y = max over the window: g goes to the first pixel, in row-major order, that has the maximum. */
export const MaxPool: Rule = (t, node, [g, gIndices]) => {
  if (gIndices) throw refuse(node, 'has its Indices used');
  const p = geometry(t, node);
  const { kernel, strides, dilations, pads } = p.window;
  const rank = kernel.length;
  const taps = kernel.reduce((n, k) => n * k, 1);
  if (taps === 1 && strides.every((s) => s === 1) && pads.every((n) => n === 0)) return [g];
  if (taps > LARGEST_WINDOW)
    throw refuse(node, `has windows of ${taps} pixels`, 'pool in two steps, or with GlobalMaxPool');
  const steps = strides.reduce((n, s) => n * s, 1);
  if (steps > MOST_PHASES) throw refuse(node, `has strides of ${strides.join(' × ')}`, 'pool in two steps');

  const float = (v: Value) => (t.type(v).dtype === 'float32' ? v : t.b.op('Cast', [v], { to: 1 }));
  const x = float(node.inputs[0]!);
  const y = float(withKnownSize(t, node.outputs[0]!, p));
  // Pad x so that every window, those that ceil_mode adds included, lies inside.
  const reach = kernel.map((k, a) => (p.out[a]! - 1) * strides[a]! + (k - 1) * dilations[a]! + 1);
  const begin = pads.slice(0, rank);
  const after = reach.map((r, a) => Math.max(0, r - begin[a]! - p.size[a]!));
  const low = t.b.constant(float32([-3.4028234663852886e38], []), 'lowest');
  const amounts = t.b.ints([0, 0, ...begin, 0, 0, ...after]);
  const padded = [...begin, ...after].some((n) => n > 0) ? t.b.op('Pad', [x, amounts, low]) : x;
  const q = strides.map((s, a) => Math.ceil((p.size[a]! + begin[a]! + after[a]!) / s));

  const phases = new Array<Value | null>(steps).fill(null);
  let free: Value | undefined; // 1 while no pixel of the window has won yet
  for (let tap = 0; tap < taps; tap++) {
    const at = offsetOf(tap, kernel).map((k, a) => k * dilations[a]!);
    const slices = at.map((start, a) => ({
      axis: a + 2,
      start,
      end: start + (p.out[a]! - 1) * strides[a]! + 1,
      step: strides[a]!,
    }));
    const equal = t.indicator('Equal', t.b.slice(padded, slices), y);
    const wins = free === undefined ? equal : t.mul(equal, free);
    free = t.sub(free ?? 1, wins);
    const shift = at.map((n, a) => Math.floor(n / strides[a]!));
    const rest = shift.map((n, a) => q[a]! - p.out[a]! - n);
    const piece = padSpatial(t, t.mul(wins, g!), shift, rest);
    const phase = at.reduce((index, n, a) => index * strides[a]! + (n % strides[a]!), 0);
    const before = phases[phase] ?? null;
    phases[phase] = before === null ? piece : t.add(before, piece);
  }
  const whole = together(t, phases, strides, padded);
  const cuts = p.size.flatMap((size, a) =>
    t.shape(whole)[a + 2] === size ? [] : [{ axis: a + 2, start: begin[a]!, end: begin[a]! + size }],
  );
  return [t.b.slice(whole, cuts)];
};

/**
 * The output, cut to the size that it has. Where ceil_mode drops a last window that would start in the padding,
 * onnxruntime's kernel does so but its shape inference does not, and it would refuse what meets the output later.
 */
function withKnownSize(t: Tape, y: Value, { window: w, size, out }: Pool): Value {
  if (!w.ceil) return y;
  const cuts = size.flatMap((n, a) => {
    const padded = n + w.pads[a]! + w.pads[a + size.length]!;
    const all = Math.ceil((padded - w.dilations[a]! * (w.kernel[a]! - 1) - 1) / w.strides[a]!) + 1;
    return all === out[a] ? [] : [{ axis: a + 2, start: 0, end: out[a]! }];
  });
  return t.b.slice(y, cuts);
}

/** The position in a window of its tap in row-major order. */
function offsetOf(tap: number, kernel: readonly number[]): number[] {
  const at = new Array<number>(kernel.length).fill(0);
  let rest = tap;
  for (let a = kernel.length - 1; a >= 0; a--) {
    at[a] = rest % kernel[a]!;
    rest = Math.floor(rest / kernel[a]!);
  }
  return at;
}

/** Phases, row-major in their offsets, interleaved to a map that is at least as large as `like`. */
function together(
  t: Tape,
  phases: readonly (Value | null)[],
  strides: readonly number[],
  like: Value,
): Value {
  if (strides.every((s) => s === 1)) return phases[0]!;
  if (strides.length === 2 && strides[0] === strides[1])
    return interleave(t, { stride: strides[0]!, phases }, like);
  let parts = phases;
  for (let a = strides.length - 1; a >= 0; a--) {
    const s = strides[a]!;
    parts = Array.from({ length: parts.length / s }, (_, i) =>
      interleaveAxis(t, parts.slice(i * s, (i + 1) * s), a + 2),
    );
  }
  return parts[0]!;
}
