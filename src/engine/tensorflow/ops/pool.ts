import * as tf from '@tensorflow/tfjs-core';
import type { Call, TfOp } from '../call.ts';
import { Held } from '../held.ts';
import { laid, padded, productOf, taken } from '../tensors.ts';
import { asImage, asSignal, paddedFor, type Sliding, slidingOf } from './window.ts';

type Pad = 'same' | 'valid';

/** The maximum or the mean over one to three spatial axes. */
function pooled(kind: 'max' | 'mean', x: tf.Tensor, { kernel, strides }: Sliding, pad: Pad): tf.Tensor {
  const pool2d = kind === 'max' ? tf.maxPool : tf.avgPool;
  const pool3d = kind === 'max' ? tf.maxPool3d : tf.avgPool3d;
  type Pair = [number, number];
  type Triple = [number, number, number];
  if (kernel.length === 3)
    return pool3d(x as tf.Tensor5D, [...kernel] as Triple, [...strides] as Triple, pad);
  if (kernel.length === 2) return pool2d(x as tf.Tensor4D, [...kernel] as Pair, [...strides] as Pair, pad);
  return asSignal(pool2d(asImage(x) as tf.Tensor4D, [1, kernel[0]!], [1, strides[0]!], pad));
}

/** What each tap of a dilated window sees, one after the other. */
function tapsOf(x: tf.Tensor, w: Sliding): tf.Tensor[] {
  let taps = [x];
  for (const [a, k] of w.kernel.entries())
    taps = taps.flatMap((t) =>
      Array.from({ length: k }, (_, i) =>
        taken(
          t,
          a + 1,
          Array.from({ length: w.out[a]! }, (_, o) => o * w.strides[a]! + i * w.dilations[a]!),
        ),
      ),
    );
  return taps;
}

const isDilated = (w: Sliding): boolean => w.dilations.some((d, a) => d > 1 && w.kernel[a]! > 1);

/** The smallest number, where a window sees none of the image. */
const LEAST = Number.NEGATIVE_INFINITY;

export const MaxPool: TfOp = (c) => {
  const w = slidingOf(c);
  const x = c.held(0).last();
  if (isDilated(w)) {
    const taps = tapsOf(padded(x, [0, ...w.before, 0], [0, ...w.after, 0], LEAST), w);
    return Held.last('float32', taps.reduce(tf.maximum));
  }
  const p = paddedFor(x, w, LEAST);
  return Held.last('float32', pooled('max', p.x, w, p.pad));
};

/** How many elements of the image (or of the image and its pads) each output is the mean of: `[1, …, 1]`. */
function counted(c: Call, w: Sliding): tf.Tensor {
  const withPads = c.int('count_include_pad', 0) !== 0;
  const size = c.shape().slice(2);
  const given = w.pads.slice(size.length);
  const perAxis = size.map((n, a) =>
    Array.from({ length: w.out[a]! }, (_, o) => {
      const taps = Array.from(
        { length: w.kernel[a]! },
        (_, k) => o * w.strides[a]! - w.before[a]! + k * w.dilations[a]!,
      );
      const [low, high] = withPads ? [-w.before[a]!, n + given[a]!] : [0, n];
      return taps.filter((i) => i >= low && i < high).length;
    }),
  );
  let counts = tf.ones(new Array<number>(size.length + 2).fill(1));
  for (const [a, numbers] of perAxis.entries()) {
    const shape = new Array<number>(size.length + 2).fill(1).with(a + 1, numbers.length);
    counts = tf.mul(counts, tf.tensor(numbers, shape, 'float32'));
  }
  return counts;
}

/** The sum over each window, by the number of elements in it. */
export const AveragePool: TfOp = (c) => {
  const w = slidingOf(c);
  const x = c.held(0).last();
  const bare = [...w.before, ...w.after].every((p) => p <= 0);
  const inner = padded(x, [0, ...w.before, 0], [0, ...w.after, 0]);
  if (isDilated(w)) return Held.last('float32', tf.div(tapsOf(inner, w).reduce(tf.add), counted(c, w)));
  const mean = pooled('mean', inner, w, 'valid');
  if (bare) return Held.last('float32', mean);
  return Held.last('float32', tf.mul(mean, tf.div(productOf(w.kernel), counted(c, w))));
};

export const GlobalAveragePool: TfOp = (c) => {
  const x = laid(c.held(0));
  const axes = c
    .shape()
    .slice(2)
    .map((_, a) => x.axis(a + 2));
  return x.hold(tf.mean(x.t, axes, true));
};
