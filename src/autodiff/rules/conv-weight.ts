import type { Node, Value, Window } from '../../graph/index.ts';
import { padSpatial } from '../phases.ts';
import type { Tape } from '../tape.ts';

/**
 * The gradient of a convolution's weight, dW[m, c, i, j] = Σ over n, o of g[n, m, o] · x[n, c, s·o − p + d·(i, j)],
 * in the form that measured fastest for its shape (docs/design.md has the figures).
 */
export function convWeightGradient(t: Tape, node: Node, g: Value, w: Window, group: number): Value {
  const x = node.inputs[0]!;
  const [, c] = t.shape(node.inputs[1]!) as number[];
  const { size } = t.sizes(g, node);
  if (group > 1 || w.strides.some((s) => s > 1) || c! < 16 || t.emitter === 'cuda')
    return bySwappedAxes(t, node, x, g, w, group);
  return byColumns(t, node, x, g, w, size[0] * size[1] >= 256);
}

/** As a convolution whose batch and channels have changed places: strides become dilations and the other way round. */
function bySwappedAxes(t: Tape, node: Node, x: Value, g: Value, w: Window, group: number): Value {
  const [, channels, height, width] = t.shape(x) as number[];
  const perGroup = channels! / group;
  // [N, C, H, W] → [C/g, g·N, H, W]
  const images =
    group === 1
      ? t.b.transpose(x, [1, 0, 2, 3])
      : t.b.reshape(t.b.transpose(t.b.reshape(x, [0, group, perGroup, height! * width!]), [2, 1, 0, 3]), [
          perGroup,
          -1,
          height!,
          width!,
        ]);
  const filters = t.b.transpose(g, [1, 0, 2, 3]);
  const product = t.b.op('Conv', [images, filters], {
    strides: w.dilations,
    dilations: w.strides,
    pads: w.pads,
    group,
  });
  const kernel = t.shape(node.inputs[1]!).slice(2) as number[];
  const cuts = [0, 1].flatMap((a) =>
    t.shape(product)[a + 2] === kernel[a] ? [] : [{ axis: a + 2, start: 0, end: kernel[a]! }],
  );
  return t.b.transpose(t.b.slice(product, cuts), [1, 0, 2, 3]);
}

/** As a matrix product of g with the shifted images: batched per image on large maps, as one product on small ones. */
function byColumns(t: Tape, node: Node, x: Value, g: Value, w: Window, batched: boolean): Value {
  const [m, c, kh, kw] = t.shape(node.inputs[1]!) as number[];
  const { size: out } = t.sizes(g, node);
  const padded = padSpatial(t, x, w.pads.slice(0, 2), w.pads.slice(2));
  const shifted = Array.from({ length: kh! * kw! }, (_, k) => {
    const at = [Math.floor(k / kw!) * w.dilations[0], (k % kw!) * w.dilations[1]];
    const whole = kh === 1 && kw === 1 && t.shape(padded)[2] === out[0] && t.shape(padded)[3] === out[1];
    if (whole) return padded;
    return t.b.slice(
      padded,
      [0, 1].map((a) => ({ axis: a + 2, start: at[a]!, end: at[a]! + out[a]! })),
    );
  });
  const positions = out[0] * out[1];
  const columns = t.b.reshape(t.b.concat(shifted, 1), [0, kh! * kw! * c!, positions]);
  const errors = t.b.reshape(g, [0, m!, positions]);
  let product: Value; // [M, k·C]
  if (batched) {
    product = t.sum(t.b.op('MatMul', [errors, t.b.transpose(columns, [0, 2, 1])]), [0], false);
  } else {
    const left = t.b.reshape(t.b.transpose(errors, [1, 0, 2]), [m!, -1]);
    const right = t.b.reshape(t.b.transpose(columns, [0, 2, 1]), [-1, kh! * kw! * c!]);
    product = t.b.op('MatMul', [left, right]);
  }
  const weight = t.b.reshape(product, [m!, kh!, kw!, c!]);
  return t.b.transpose(weight, [0, 3, 1, 2]);
}
