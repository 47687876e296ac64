import * as tf from '@tensorflow/tfjs-core';
import { padsOf, permutationOf, resolveSlice, sliceOf, splitSizes, stringOf } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { toFirst } from '../held.ts';
import { expanded, type Laid, laid, padded, productOf, taken } from '../tensors.ts';

export const Identity: TfOp = (c) => c.held(0);

/** Flatten, Squeeze and Unsqueeze, too: the shape rule says to what. */
export const Reshape: TfOp = (c) => tf.reshape(c.x(), c.out());

export const Transpose: TfOp = (c) => {
  const x = c.held(0);
  const perm = permutationOf(c.node, x.rank);
  if (!x.isLast) return tf.transpose(x.plain(), [...perm]);
  const where = toFirst(x.rank);
  return tf.transpose(
    x.last(),
    perm.map((a) => where[a]!),
  );
};

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

export const Concat: TfOp = (c) => {
  const inputs = c.all();
  const last = inputs.some((h) => h.isLast);
  const all = inputs.map((h) => laid(h, last));
  const [first] = all as [Laid];
  const axis = first.axis(axisOf(c.int('axis', 0), inputs[0]!.rank));
  const filled = all.map(({ t }) => t).filter((t) => t.size > 0 || t.rank > 0);
  return first.hold(filled.length > 1 ? tf.concat(filled, axis) : tf.clone(filled[0]!));
};

export const Split: TfOp = (c) => {
  const x = laid(c.held(0));
  const onnxAxis = axisOf(c.int('axis', 0), x.t.rank);
  const sizes = splitSizes(c, onnxAxis).map(Number);
  const axis = x.axis(onnxAxis);
  let at = 0;
  return sizes.map((size) => {
    const begin = x.t.shape.map((_, a) => (a === axis ? at : 0));
    at += size;
    return x.hold(tf.slice(x.t, begin, x.t.shape.with(axis, size)));
  });
};

/** Whole runs are sliced; other steps pick their elements. */
export const Slice: TfOp = (c) => {
  const x = laid(c.held(0));
  let t = x.t;
  for (const cut of sliceOf(c)) {
    const axis = x.axis(cut.axis);
    const { start, count } = resolveSlice(t.shape[axis]!, cut.start, cut.end, cut.step);
    if (cut.step === 1 || count === 0) {
      const begin = t.shape.map((_, a) => (a === axis && count > 0 ? start : 0));
      t = tf.slice(t, begin, t.shape.with(axis, count));
    } else {
      const indices = Array.from({ length: count }, (_, i) => start + i * cut.step);
      t = taken(t, axis, indices);
    }
  }
  return x.hold(t === x.t ? tf.clone(t) : t);
};

/** The element of the input that stands at `i`, where the image is continued beyond its edges. */
const CONTINUED: Readonly<Record<string, (i: number, size: number) => number>> = {
  edge: (i, size) => Math.min(Math.max(i, 0), size - 1),
  reflect: (i, size) => {
    const period = Math.max(1, 2 * (size - 1));
    const at = ((i % period) + period) % period;
    return at < size ? at : period - at;
  },
  wrap: (i, size) => ((i % size) + size) % size,
};

export const Pad: TfOp = (c) => {
  const x = laid(c.held(0));
  const pads = padsOf(c);
  const mode = stringOf(c.node, 'mode', 'constant');
  const placed = (pads: readonly number[]): number[] => {
    const there = x.t.shape.map(() => 0);
    for (const [a, p] of pads.entries()) there[x.axis(a)] = p;
    return there;
  };
  const [from, to] = [placed(pads.before), placed(pads.after)];
  if (mode === 'constant') {
    const value = c.optional(2);
    if (!value || value.known()) return x.hold(tf.clone(padded(x.t, from, to, value?.known()?.data[0] ?? 0)));
    // A value that may have a gradient of its own.
    const around = tf.sub(1, padded(tf.onesLike(x.t), from, to));
    return x.hold(tf.add(padded(x.t, from, to), tf.mul(value.plain(), around)));
  }
  // tf.mirrorPad forgets what was mirrored when it is differentiated.
  const continued = CONTINUED[mode];
  if (!continued) throw c.unsupported(`mode ${mode}`);
  const least = (pads: readonly number[]) => pads.map((p) => Math.min(0, p));
  let t = padded(x.t, least(from), least(to));
  for (const [axis, size] of t.shape.entries()) {
    const [before, after] = [Math.max(0, from[axis]!), Math.max(0, to[axis]!)];
    if (before === 0 && after === 0) continue;
    const length = size + before + after;
    t = taken(
      t,
      axis,
      Array.from({ length }, (_, i) => continued(i - before, size)),
    );
  }
  return x.hold(tf.clone(t));
};

export const Expand: TfOp = (c) => {
  const shape = c.out();
  const x = c.x();
  return expanded(tf.reshape(x, [...new Array<number>(shape.length - x.rank).fill(1), ...x.shape]), shape);
};

/** Axis after axis, so that no rank is too high for a gradient. */
export const Tile: TfOp = (c) => {
  let t = c.x();
  for (const [axis, times] of c.values(1).entries()) {
    const { shape } = t;
    const rows = tf.reshape(t, [productOf(shape.slice(0, axis)), 1, productOf(shape.slice(axis))]);
    const repeated = expanded(rows, [rows.shape[0]!, times, rows.shape[2]!]);
    t = tf.reshape(repeated, shape.with(axis, shape[axis]! * times));
  }
  return c.held(1).shape[0] === 0 ? tf.clone(t) : t;
};

/** Along the last axis: along others the gradient of tf.cumsum has its axes in disorder. */
export const CumSum: TfOp = (c) => {
  const x = c.x();
  const axis = axisOf(c.values(1)[0]!, x.rank);
  const swapped = x.shape.map((_, a) => (a === axis ? x.rank - 1 : a === x.rank - 1 ? axis : a));
  const sums = tf.cumsum(
    tf.transpose(x, swapped),
    x.rank - 1,
    c.int('exclusive', 0) !== 0,
    c.int('reverse', 0) !== 0,
  );
  return tf.transpose(sums, swapped);
};

/** Selected, not multiplied: what is left out may be infinite. */
export const Trilu: TfOp = (c) => {
  const [rows, columns] = c.shape().slice(-2) as [number, number];
  const k = c.has(1) ? c.values(1)[0]! : 0;
  const upper = c.int('upper', 1) !== 0;
  const mask = Array.from({ length: rows * columns }, (_, i) => {
    const above = (i % columns) - Math.floor(i / columns);
    return upper ? above >= k : above <= k;
  });
  const x = c.x();
  return tf.where(tf.tensor2d(mask.map(Number), [rows, columns], 'bool'), x, tf.zerosLike(x));
};

/** [N, H, W, C] in blocks, its axes in another order, and together again. */
function rearranged(c: Call, apart: number[], order: number[], together: number[]) {
  const x = c.held(0);
  return laid(x, true).hold(tf.reshape(tf.transpose(tf.reshape(x.last(), apart), order), together));
}

export const DepthToSpace: TfOp = (c) => {
  const [n, ch, h, w] = c.shape() as [number, number, number, number];
  const b = c.int('blocksize', 1);
  const depth = ch / b ** 2;
  const together = [n, h * b, w * b, depth];
  return stringOf(c.node, 'mode', 'DCR') === 'CRD'
    ? rearranged(c, [n, h, w, depth, b, b], [0, 1, 4, 2, 5, 3], together)
    : rearranged(c, [n, h, w, b, b, depth], [0, 1, 3, 2, 4, 5], together);
};

export const SpaceToDepth: TfOp = (c) => {
  const [n, ch, h, w] = c.shape() as [number, number, number, number];
  const b = c.int('blocksize', 1);
  const apart = [n, h / b, b, w / b, b, ch];
  return rearranged(c, apart, [0, 1, 3, 2, 4, 5], [n, h / b, w / b, ch * b ** 2]);
};
