import type { Value } from '../graph/index.ts';
import type { Phased, Tape } from './tape.ts';

/**
 * Sub-pixel phases. Output position o of a window operator with stride s, dilation 1 and padding p reads the inputs
 * s·o − p + k. Seen from input position s·q + r, only the taps k ≡ r + p (mod s) reach it, from outputs
 * q + c − t with c = ⌊(r + p)/s⌋ and k = (r + p) mod s + s·t: a stride-1 correlation of its own.
 */
export interface Phase {
  readonly r: number;
  /** The first tap of the kernel that reaches this phase; then every s-th. */
  readonly first: number;
  /** How many taps reach it: the length of its own kernel. 0: none. */
  readonly taps: number;
  /** Padding (cropping, where negative) of the output gradient before and after, for Q results. */
  readonly before: number;
  readonly after: number;
}

/**
 * The phases along one axis.
 *
 * @param size input size H
 * @param out output size Ho
 */
export function phasesOf(size: number, out: number, kernel: number, stride: number, pad: number): { q: number; phases: Phase[] } {
  const q = Math.ceil(size / stride);
  const phases = Array.from({ length: stride }, (_, r) => {
    const first = (r + pad) % stride;
    const taps = first < kernel ? Math.ceil((kernel - first) / stride) : 0;
    const before = taps - 1 - Math.floor((r + pad) / stride);
    return { r, first, taps, before, after: q - out - before + taps - 1 };
  });
  return { q, phases };
}

/** Pads `g` in space; what is negative is cut off. */
export function padSpatial(t: Tape, g: Value, before: readonly number[], after: readonly number[]): Value {
  const cuts = [0, 1].flatMap((a) => {
    const size = t.shape(g)[a + 2] as number;
    const start = Math.max(0, -before[a]!);
    const end = size - Math.max(0, -after[a]!);
    return start > 0 || end < size ? [{ axis: a + 2, start, end }] : [];
  });
  const grow = (v: readonly number[]) => [0, 0, ...v.map((n) => Math.max(0, n))];
  return t.b.pad(t.b.slice(g, cuts), grow(before), grow(after));
}

/** Adds up contributions in phase space. */
export function addPhases(t: Tape, parts: readonly Phased[]): Phased {
  const [first, ...rest] = parts as [Phased, ...Phased[]];
  return rest.reduce<Phased>(
    (sum, p) => ({
      stride: sum.stride,
      phases: sum.phases.map((v, i) => {
        const w = p.phases[i] ?? null;
        return v !== null && w !== null ? t.add(v, w) : (v ?? w);
      }),
    }),
    first,
  );
}

/** Interleaves phases to a map of the shape of `like`: Concat, DepthToSpace, crop. */
export function interleave(t: Tape, { stride, phases }: Phased, like: Value): Value {
  const some = phases.find((p) => p !== null);
  if (some === undefined || some === null) throw new Error('a gradient with no phase');
  const [, channels] = t.shape(some);
  const last = phases.findLastIndex((p) => p !== null);
  // Trailing zero phases are padding; zeros in between have to be made.
  const present = phases.slice(0, last + 1).map((p) => p ?? t.mul(some, 0));
  const missing = phases.length - present.length;
  const stacked = t.b.pad(t.b.concat(present, 1), [0, 0, 0, 0], [0, missing * (channels as number), 0, 0]);
  return cropLike(t, t.b.op('DepthToSpace', [stacked], { blocksize: stride, mode: 'DCR' }), like);
}

/** Cuts a map that is larger than `like` to its size. */
export function cropLike(t: Tape, value: Value, like: Value): Value {
  const cuts = [2, 3].flatMap((axis) => {
    const end = t.shape(like)[axis] as number;
    return t.shape(value)[axis] !== end ? [{ axis, start: 0, end }] : [];
  });
  return t.b.slice(value, cuts);
}
