import * as tf from '@tensorflow/tfjs-core';
import { windowOf } from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { Held } from '../held.ts';
import { padded } from '../tensors.ts';
import { asImage, asSignal, everyNth, paddedFor, type Sliding, slidingOf, spacedOut } from './window.ts';

/** [O, I, …] (or a ConvTranspose's [I, O, …]) to […, I, O] ([…, O, I]): filters as TensorFlow has them. */
const spatialFirst = (w: tf.Tensor): tf.Tensor =>
  tf.transpose(w, [...w.shape.slice(2).map((_, a) => a + 2), 1, 0]);

/** The filter with zeros between its taps: no gradient of tfjs's knows dilations. */
function filterOf(c: Call, dilations: readonly number[]): tf.Tensor {
  return c.held(1).form(`filter ${dilations}`, (w) =>
    spacedOut(
      spatialFirst(w),
      dilations.map((_, a) => a),
      dilations,
    ),
  );
}

const withBias = (c: Call, y: tf.Tensor): Held => Held.last('float32', c.has(2) ? tf.add(y, c.x(2)) : y);

export const Conv: TfOp = (c) => {
  const [channels, weight] = [c.shape()[1]!, c.shape(1)];
  const w = slidingOf(c, weight.slice(2));
  const group = c.int('group', 1);
  const { x, pad } = paddedFor(c.held(0).last(), w);
  const [maps] = weight as [number];
  if (group === 1) return withBias(c, convolved(x, filterOf(c, w.dilations), w, pad));
  const square = w.strides.every((s) => s === w.strides.at(-1));
  if (group === channels && w.strides.length <= 2 && square)
    return withBias(c, depthwise(x, filterOf(c, w.dilations), w, pad, maps / group));
  const filters = tf.split(filterOf(c, w.dilations), group, -1);
  const parts = tf.split(x, group, -1);
  return withBias(
    c,
    tf.concat(
      parts.map((part, g) => convolved(part, filters[g]!, w, pad)),
      -1,
    ),
  );
};

type Pad = 'same' | 'valid';

/** One group, over one to three spatial axes. */
function convolved(
  x: tf.Tensor,
  filter: tf.Tensor,
  { strides }: Pick<Sliding, 'strides'>,
  pad: Pad,
): tf.Tensor {
  // oneDNN's gradient by a filter of one tap writes beyond its memory where a stride leaves positions over at the end.
  if (strides.some((s) => s > 1) && filter.shape.slice(0, -2).every((k) => k === 1))
    return convolved(everyNth(x, strides), filter, { strides: strides.map(() => 1) }, 'valid');
  if (strides.length === 3)
    return tf.conv3d(x as tf.Tensor5D, filter as tf.Tensor5D, strides as [number, number, number], pad);
  if (strides.length === 2)
    return tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides as [number, number], pad);
  const image = asImage(x) as tf.Tensor4D;
  return asSignal(tf.conv2d(image, tf.expandDims(filter, 0) as tf.Tensor4D, [1, strides[0]!], pad));
}

/** Each channel by itself, into `multiple` maps. The stride is the same both ways. */
function depthwise(
  x: tf.Tensor,
  filter: tf.Tensor,
  { strides }: Sliding,
  pad: Pad,
  multiple: number,
): tf.Tensor {
  const stride = strides.at(-1)!;
  const channels = x.shape.at(-1)!;
  const signal = strides.length === 1;
  const [height, width] = signal ? [1, filter.shape[0]!] : [filter.shape[0]!, filter.shape[1]!];
  // […, 1, C·m] to […, C, m]
  const taps: tf.Tensor4D = tf.reshape(filter, [height, width, channels, multiple]);
  const image = (signal ? asImage(x) : x) as tf.Tensor4D;
  const y = tf.depthwiseConv2d(image, taps, [stride, stride], pad);
  return signal ? asSignal(y) : y;
}

/** The transpose of a convolution; what it gives is cut or filled to the size that the node states. */
export const ConvTranspose: TfOp = (c) => {
  const weight = c.shape(1);
  const w = windowOf(c.node, c.shape().slice(2), weight.slice(2));
  const group = c.int('group', 1);
  const filter = filterOf(c, w.dilations);
  const filters = group === 1 ? [filter] : tf.split(filter, group, -1);
  const x = c.held(0).last();
  const parts = group === 1 ? [x] : tf.split(x, group, -1);
  const maps = parts.map((part, g) => transposed(part, filters[g]!, w.strides));
  const whole = group === 1 ? maps[0]! : tf.concat(maps, -1);
  const before = w.pads.slice(0, w.strides.length).map((p) => -p);
  const after = c
    .out()
    .slice(2)
    .map((n, a) => n - whole.shape[a + 1]! - before[a]!);
  return withBias(c, padded(whole, [0, ...before, 0], [0, ...after, 0]));
};

/** One group, without pads: s·(n − 1) + k on each axis. The filter is […, O, I]. */
function transposed(x: tf.Tensor, filter: tf.Tensor, strides: readonly number[]): tf.Tensor {
  const kernel = filter.shape.slice(0, -2);
  const size = x.shape.slice(1, -1).map((n, a) => (n - 1) * strides[a]! + kernel[a]!);
  const shape = [x.shape[0]!, ...size, filter.shape.at(-2)!];
  if (strides.length === 2)
    return tf.conv2dTranspose(
      x as tf.Tensor4D,
      filter as tf.Tensor4D,
      shape as unknown as [number, number, number, number],
      strides as [number, number],
      'valid',
    );
  if (strides.length === 1) {
    const taps = tf.expandDims(filter, 0) as tf.Tensor4D;
    const [n, length, depth] = shape as [number, number, number];
    return asSignal(
      tf.conv2dTranspose(asImage(x) as tf.Tensor4D, taps, [n, 1, length, depth], [1, strides[0]!], 'valid'),
    );
  }
  // tf.conv3dTranspose has no gradient: a convolution of what the strides space out, with the filter turned round.
  const spaced = spacedOut(x, [1, 2, 3], strides);
  const edge = [0, ...kernel.map((k) => k - 1), 0];
  const turned = tf.transpose(tf.reverse(filter, [0, 1, 2]), [0, 1, 2, 4, 3]);
  return convolved(padded(spaced, edge, edge), turned, { strides: [1, 1, 1] }, 'valid');
}
