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
export function phasesOf(
  size: number,
  out: number,
  kernel: number,
  stride: number,
  pad: number,
): { q: number; phases: Phase[] } {
  const q = Math.ceil(size / stride);
  const phases = Array.from({ length: stride }, (_, r) => {
    const first = (r + pad) % stride;
    const all = first < kernel ? Math.ceil((kernel - first) / stride) : 0;
    const before = all - 1 - Math.floor((r + pad) / stride);
    // No output reads a phase beyond the image, or one before which the outputs end.
    const taps = r < size && -before < out ? all : 0;
    return { r, first, taps, before, after: q - out - before + taps - 1 };
  });
  return { q, phases };
}

/** Pads `g` in space, whatever its rank; what is negative is cut off. */
export function padSpatial(t: Tape, g: Value, before: readonly number[], after: readonly number[]): Value {
  const cuts = before.flatMap((_, a) => {
    const size = t.shape(g)[a + 2] as number;
    const start = Math.max(0, -before[a]!);
    const end = Math.max(start, size - Math.max(0, -after[a]!));
    return start > 0 || end < size ? [{ axis: a + 2, start, end }] : [];
  });
  const grow = (v: readonly number[]) => [0, 0, ...v.map((n) => Math.max(0, n))];
  return t.b.pad(t.b.slice(g, cuts), grow(before), grow(after));
}

/** Whether padding that is negative cuts everything off. */
export const cutsAll = (t: Tape, g: Value, before: readonly number[], after: readonly number[]): boolean =>
  before.some((b, a) => (t.shape(g)[a + 2] as number) + Math.min(0, b) + Math.min(0, after[a]!) <= 0);

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

/** Up to this width a product with a 0/1 matrix interleaves columns 2 to 6 times faster than DepthToSpace. */
const WIDEST_PRODUCT = 160;

/**
 * Interleaves phases to a map of the shape of `like`.
 *
 * Side by side, the phases of a row are that row but for the order of its columns, which a product with a
 * permutation matrix mends (and where phases are missing, it puts zeros in their place).
 */
export function interleave(t: Tape, { stride, phases }: Phased, like: Value): Value {
  const present = phases.flatMap((v, index) =>
    v === null ? [] : [{ v, row: Math.floor(index / stride), column: index % stride }],
  );
  if (present.length === 0) return t.mul(like, 0); // every window lies in the padding
  const [, channels, rows, columns] = t.shape(present[0]!.v) as number[];
  const width = t.shape(like)[3] as number;
  if (stride * columns! > WIDEST_PRODUCT) return byDepthToSpace(t, { stride, phases }, like);
  const beside = t.b.concat(
    present.map((p) => p.v),
    3,
  );
  const complete = present.length === phases.length;
  // Complete rows can be taken apart before the product, which is then `stride` times smaller.
  const group = complete ? stride : present.length;
  const targets = complete
    ? present.slice(0, stride).map((p) => p.column)
    : present.map((p) => p.row * width + p.column);
  const out = complete ? width : stride * width;
  const order = new Float32Array(group * columns! * out);
  for (const [k, target] of targets.entries())
    for (let q = 0; q < columns!; q++) {
      if ((target % width) + q * stride < width) order[(k * columns! + q) * out + target + q * stride] = 1;
    }
  const matrix = t.b.floats(order, [group * columns!, out]);
  const tall = [0, channels!, stride * rows!];
  const whole = complete
    ? t.b.op('MatMul', [t.b.reshape(beside, [...tall, stride * columns!]), matrix])
    : t.b.reshape(t.b.op('MatMul', [beside, matrix]), [...tall, width]);
  return cropLike(t, whole, like);
}

/** The phases of a Conv that computes them as channels, phase-major, interleaved. */
export function interleaveChannels(t: Tape, stacked: Value, stride: number, like: Value): Value {
  const [, channels, rows, columns] = t.shape(stacked) as number[];
  const width = t.shape(like)[3] as number;
  const each = channels! / stride ** 2;
  if (stride * columns! > WIDEST_PRODUCT)
    return cropLike(t, t.b.op('DepthToSpace', [stacked], { blocksize: stride, mode: 'DCR' }), like);
  const apart = t.b.reshape(stacked, [0, stride ** 2, each * rows!, columns!]);
  const beside = t.b.reshape(t.b.transpose(apart, [0, 2, 1, 3]), [
    0,
    each,
    stride * rows!,
    stride * columns!,
  ]);
  const order = new Float32Array(stride * columns! * width);
  for (let column = 0; column < width; column++)
    order[((column % stride) * columns! + Math.floor(column / stride)) * width + column] = 1;
  return cropLike(t, t.b.op('MatMul', [beside, t.b.floats(order, [stride * columns!, width])]), like);
}

function byDepthToSpace(t: Tape, { stride, phases }: Phased, like: Value): Value {
  const some = phases.find((p) => p !== null)!;
  const present = phases.map((p) => p ?? t.mul(some, 0));
  return cropLike(
    t,
    t.b.op('DepthToSpace', [t.b.concat(present, 1)], { blocksize: stride, mode: 'DCR' }),
    like,
  );
}

/** Cuts a map that is larger than `like` to its size. */
export function cropLike(t: Tape, value: Value, like: Value): Value {
  const cuts = t
    .shape(like)
    .flatMap((end, axis) =>
      axis >= 2 && t.shape(value)[axis] !== end ? [{ axis, start: 0, end: end as number }] : [],
    );
  return t.b.slice(value, cuts);
}

/** Puts zeros between the elements of an axis: every `gap`-th of the result is one of them, the first and the last too. */
export function spreadOut(t: Tape, value: Value, axis: number, gap: number): Value {
  const shape = t.shape(value);
  const count = shape[axis] as number;
  if (gap === 1 || count <= 1) return value;
  const widened = t.b.op('Unsqueeze', [value, t.b.ints([axis + 1])]);
  const zeros = new Array<number>(shape.length + 1).fill(0);
  const padded = t.b.pad(
    widened,
    zeros,
    zeros.map((_, i) => (i === axis + 1 ? gap - 1 : 0)),
  );
  const merged = shape.map((d, i) =>
    i === axis ? count * gap : typeof d === 'number' ? d : i === 0 ? 0 : -1,
  );
  return t.b.slice(t.b.reshape(padded, merged), [{ axis, start: 0, end: (count - 1) * gap + 1 }]);
}

/** Interleaves `parts` of one shape along an axis: part r has the elements r, r + s, r + 2s, … null stands for zeros. */
export function interleaveAxis(t: Tape, parts: readonly (Value | null)[], axis: number): Value | null {
  const some = parts.find((p) => p !== null);
  if (!some || parts.length === 1) return some ?? null;
  const zeros = parts.includes(null) ? t.zerosLike(some) : some;
  const apart = parts.map((p) => t.b.op('Unsqueeze', [p ?? zeros, t.b.ints([axis + 1])]));
  const merged = t
    .shape(some)
    .map((d, i) =>
      i === axis ? (d as number) * parts.length : typeof d === 'number' ? d : i === 0 ? 0 : -1,
    );
  return t.b.reshape(t.b.concat(apart, axis + 1), merged);
}
