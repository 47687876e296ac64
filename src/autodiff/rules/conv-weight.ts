import type { Node, Value, Window } from '../../graph/index.ts';
import { cutsAll, padSpatial } from '../phases.ts';
import { fixedDims, type Tape } from '../tape.ts';

/** Beyond this many taps, a slice per tap is no longer worth its node. */
const MOST_SLICES = 128;

/**
 * The gradient of a convolution's weight, dW[m, c, i, j] = Σ over n, o of g[n, m, o] · x[n, c, s·o − p + d·(i, j)],
 * in the form that measured fastest for its shape (docs/design.md has the figures).
 */
export function convWeightGradient(t: Tape, node: Node, g: Value, w: Window, group: number): Value {
  const x = node.inputs[0]!;
  const [m, c] = t.shape(node.inputs[1]!);
  const kernel = t.spatial(node.inputs[1]!, node);
  const size = t.spatial(g, node);
  const strided = w.strides.some((s) => s > 1);
  const taps = kernel.reduce((p, k) => p * k, 1);
  const many = typeof m === 'number' && typeof c === 'number' && c >= (strided ? 64 : 16);
  const columns = group === 1 && many && size.length === 2 && taps <= MOST_SLICES;
  if (!columns || t.emitter === 'cuda') return bySwappedAxes(t, node, x, g, w, group);
  return byColumns(t, node, x, g, w, size[0]! * size[1]! >= 256);
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
 * As a matrix product of g with the shifted (and strided) images: `batched` per image, then summed; else as one product
 * over all positions of all images.
 */
function byColumns(t: Tape, node: Node, x: Value, g: Value, w: Window, batched: boolean): Value {
  const [m, c, kh, kw] = t.shape(node.inputs[1]!) as number[];
  const { size: out } = t.sizes(g, node);
  // One product wants channels first; moving x is cheaper than moving the columns, which are k² times larger.
  const images = batched ? x : t.b.transpose(x, [1, 0, 2, 3]);
  const padded = padSpatial(t, images, w.pads.slice(0, 2), w.pads.slice(2));
  const shifted = Array.from({ length: kh! * kw! }, (_, k) => {
    const at = [Math.floor(k / kw!) * w.dilations[0]!, (k % kw!) * w.dilations[1]!];
    const slices = [0, 1].map((a) => {
      const end = at[a]! + (out[a]! - 1) * w.strides[a]! + 1;
      return { axis: a + 2, start: at[a]!, end, step: w.strides[a]! };
    });
    const whole = slices.every((s) => s.start === 0 && s.step === 1 && s.end === t.shape(padded)[s.axis]);
    return whole ? padded : t.b.slice(padded, slices);
  });
  const positions = out[0]! * out[1]!;
  let product: Value; // [M, k·C]
  if (batched) {
    const columns = t.b.reshape(t.b.concat(shifted, 1), [0, kh! * kw! * c!, positions]);
    const errors = t.b.reshape(g, [0, m!, positions]);
    product = t.sum(t.b.op('MatMul', [errors, t.b.transpose(columns, [0, 2, 1])]), [0], false);
  } else {
    const columns = t.b.reshape(t.b.concat(shifted, 0), [kh! * kw! * c!, -1]);
    const errors = t.b.reshape(t.b.transpose(g, [1, 0, 2, 3]), [m!, -1]);
    product = t.b.op('Gemm', [errors, columns], { transB: 1 });
  }
  return t.b.transpose(t.b.reshape(product, [m!, kh!, kw!, c!]), [0, 3, 1, 2]);
}
