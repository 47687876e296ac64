import type { Node, Value, Window } from '../../graph/index.ts';
import { cutsAll, padSpatial } from '../phases.ts';
import { fixedDims, type Tape } from '../tape.ts';

/** A 1×1 kernel with so many channels is a matrix product, */
const MANY_CHANNELS = 16;
/** and with so many positions one per image. */
const LARGE_MAP = 256;

/**
 * The gradient of a convolution's weight, dW[m, c, i, j] = Σ over n, o of g[n, m, o] · x[n, c, s·o − p + d·(i, j)],
 * in the form that measured fastest for its shape (docs/design.md has the figures).
 */
export function convWeightGradient(t: Tape, node: Node, g: Value, w: Window, group: number): Value {
  const x = node.inputs[0]!;
  const [m, c] = t.shape(node.inputs[1]!);
  const kernel = t.spatial(node.inputs[1]!, node);
  const size = t.spatial(g, node);
  const plane = t.emitter === 'cpu' && group === 1 && size.length === 2 && typeof c === 'number';
  if (!plane || typeof m !== 'number') return bySwappedAxes(t, node, x, g, w, group);
  if (kernel.every((k) => k === 1) && c >= MANY_CHANNELS)
    return byPixels(t, node, x, g, w, size[0]! * size[1]! >= LARGE_MAP);
  // A dilated kernel would need a stride over whole pixels, of which the channels are part.
  return w.dilations[1] === 1 ? byChannelsInRows(t, node, x, g, w) : bySwappedAxes(t, node, x, g, w, group);
}

/** As a convolution whose batch and channels have changed places: strides become dilations and the other way round. */
function bySwappedAxes(t: Tape, node: Node, x: Value, g: Value, w: Window, group: number): Value {
  const size = t.spatial(x, node);
  const spatial = size.map((_, a) => a + 2);
  const swap = [1, 0, ...spatial];
  // [N, C, …] → [C/g, g·N, …], of which either N or C may be dynamic.
  let images = x;
  if (group === 1) images = t.b.transpose(x, swap);
  else {
    const [batch, channels] = t.shape(x);
    const perGroup = typeof channels === 'number' ? channels / group : -1;
    const many = perGroup > 0 ? -1 : group * fixedDims(node, [batch!])[0]!;
    const apart = t.b.reshape(x, [0, group, perGroup, size.reduce((p, d) => p * d, 1)]);
    images = t.b.reshape(t.b.transpose(apart, [2, 1, 0, 3]), [perGroup, many, ...size]);
  }
  const [begin, end] = [w.pads.slice(0, size.length), w.pads.slice(size.length)];
  const negative = w.pads.some((p) => p < 0);
  if (negative && cutsAll(t, images, begin, end)) return t.zerosLike(node.inputs[1]!);
  if (negative) images = padSpatial(t, images, begin, end);
  const product = t.b.op('Conv', [images, t.b.transpose(g, swap)], {
    strides: w.dilations,
    dilations: w.strides,
    pads: negative ? undefined : w.pads,
    group,
  });
  const kernel = t.spatial(node.inputs[1]!, node);
  const cuts = kernel.flatMap((end, a) =>
    t.shape(product)[a + 2] === end ? [] : [{ axis: a + 2, start: 0, end }],
  );
  return t.b.transpose(t.b.slice(product, cuts), swap);
}

/**
 * As one convolution of one image: the batch is its channels, and a row of it holds the channels of each pixel side by side. The
 * kernel, g, steps over whole pixels in it (dilation s·C), so that the result has dW's taps and channels in its rows, and
 * nothing else. It is one matrix product of M × k²C, which onnxruntime unrolls in long runs and shares among threads; with
 * swapped axes it is C products of M × k², each too narrow for a second thread.
 */
function byChannelsInRows(t: Tape, node: Node, x: Value, g: Value, w: Window): Value {
  const [m, c, kh, kw] = t.shape(node.inputs[1]!) as number[];
  const [begin, end] = [w.pads.slice(0, 2), w.pads.slice(2)];
  let images = x;
  if (w.pads.some((p) => p < 0)) {
    if (cutsAll(t, images, begin, end)) return t.zerosLike(node.inputs[1]!);
    images = padSpatial(t, images, begin, end);
    begin.fill(0);
    end.fill(0);
  }
  const [height, width] = t.spatial(images, node) as [number, number];
  const rows = t.b.reshape(t.b.transpose(images, [0, 2, 3, 1]), [1, -1, height, width * c!]);
  const product = t.b.op('Conv', [rows, t.b.transpose(g, [1, 0, 2, 3])], {
    strides: [w.dilations[0]!, 1],
    dilations: [w.strides[0]!, w.strides[1]! * c!],
    pads: [begin[0]!, begin[1]! * c!, end[0]!, end[1]! * c!],
  });
  const taps = t.b.slice(product, [
    { axis: 2, start: 0, end: kh! },
    { axis: 3, start: 0, end: kw! * c! },
  ]);
  return t.b.transpose(t.b.reshape(taps, [m!, kh!, kw!, c!]), [0, 3, 1, 2]);
}

/** Of a 1×1 kernel: the product of g with the pixels that it met, per image and then summed, or over all images at once. */
function byPixels(t: Tape, node: Node, x: Value, g: Value, w: Window, perImage: boolean): Value {
  const [m, c] = t.shape(node.inputs[1]!) as number[];
  const { size: out } = t.sizes(g, node);
  const padded = padSpatial(t, x, w.pads.slice(0, 2), w.pads.slice(2));
  const met = [0, 1].map((a) => {
    const step = w.strides[a]!;
    return { axis: a + 2, start: 0, end: (out[a]! - 1) * step + 1, step };
  });
  const whole = met.every(({ axis, end, step }) => step === 1 && end === t.shape(padded)[axis]);
  const pixels = whole ? padded : t.b.slice(padded, met);
  const positions = out[0]! * out[1]!;
  let product: Value; // [M, C]
  if (perImage) {
    const rows = t.b.transpose(t.b.reshape(pixels, [0, c!, positions]), [0, 2, 1]);
    product = t.sum(t.b.op('MatMul', [t.b.reshape(g, [0, m!, positions]), rows]), [0], false);
  } else {
    const columns = (v: Value, channels: number) =>
      t.b.reshape(t.b.transpose(v, [1, 0, 2, 3]), [channels, -1]);
    product = t.b.op('Gemm', [columns(g, m!), columns(pixels, c!)], { transB: 1 });
  }
  return t.b.reshape(product, [m!, c!, 1, 1]);
}
