import { intOf, intsOf, stringOf } from '../attributes.ts';
import { quotient } from '../dims.ts';
import type { Dim, Node } from '../ir.ts';
import { fixed, mismatch, ranked, type ShapeContext, type ShapeRule } from './rule.ts';

/** The geometry of a convolution or pooling over two spatial axes, all defaults filled in. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** top, left, bottom, right, as ONNX orders them. */
  readonly pads: readonly [number, number, number, number];
  readonly ceil: boolean;
}

const pair = (values: readonly number[] | undefined, fallback: number): [number, number] => [
  values?.[0] ?? fallback,
  values?.[1] ?? fallback,
];

/**
 * Reads a window off a node, resolving `auto_pad` against the input's spatial size.
 *
 * @param size height and width of the input
 * @param kernel the weight's spatial shape, where the node has no kernel_shape
 */
export function windowOf(node: Node, size: readonly [number, number], kernel?: readonly number[]): Window {
  const shape = pair(intsOf(node, 'kernel_shape') ?? kernel, 1);
  const strides = pair(intsOf(node, 'strides'), 1);
  const dilations = pair(intsOf(node, 'dilations'), 1);
  const given = intsOf(node, 'pads') ?? [0, 0, 0, 0];
  let pads: [number, number, number, number] = [given[0] ?? 0, given[1] ?? 0, given[2] ?? 0, given[3] ?? 0];
  const auto = stringOf(node, 'auto_pad', 'NOTSET');
  if (auto === 'VALID') pads = [0, 0, 0, 0];
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const total = [0, 1].map((a) => {
      const span = dilations[a]! * (shape[a]! - 1) + 1;
      // A transposed convolution's output is to be as large as its input, times the stride.
      if (node.op === 'ConvTranspose') {
        const extra = intsOf(node, 'output_padding')?.[a] ?? 0;
        return Math.max(0, span + extra - strides[a]!);
      }
      const out = Math.ceil(size[a]! / strides[a]!);
      return Math.max(0, (out - 1) * strides[a]! + span - size[a]!);
    });
    const before = total.map((t) => (auto === 'SAME_UPPER' ? Math.floor(t / 2) : Math.ceil(t / 2)));
    pads = [before[0]!, before[1]!, total[0]! - before[0]!, total[1]! - before[1]!];
  }
  return { kernel: shape, strides, dilations, pads, ceil: intOf(node, 'ceil_mode', 0) === 1 };
}

/** The output's height and width. With ceil_mode no window may start in the padding after the image. */
export function windowOutput(w: Window, size: readonly [number, number]): [number, number] {
  const out = [0, 1].map((a) => {
    const padded = size[a]! + w.pads[a]! + w.pads[a + 2]!;
    const steps = (padded - w.dilations[a]! * (w.kernel[a]! - 1) - 1) / w.strides[a]!;
    let n = (w.ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    if (w.ceil && (n - 1) * w.strides[a]! >= size[a]! + w.pads[a]!) n -= 1;
    return n;
  });
  return [out[0]!, out[1]!];
}

/** Height and width of an NCHW input. */
export function spatial(c: ShapeContext, i = 0): { batch: Dim; channels: Dim; size: [number, number] } {
  const [batch, channels, h, w] = ranked(c, i, 4);
  return { batch: batch!, channels: channels!, size: [fixed(c, h!, 'height'), fixed(c, w!, 'width')] };
}

function positive(c: ShapeContext, out: readonly [number, number]): readonly [number, number] {
  if (out[0] < 1 || out[1] < 1)
    throw mismatch(c.node, `gives a ${out[0]}×${out[1]} map`, 'an input at least as large as its window');
  return out;
}

export const Conv: ShapeRule = (c) => {
  const { batch, channels, size } = spatial(c);
  const weight = ranked(c, 1, 4);
  const group = intOf(c.node, 'group', 1);
  if (typeof channels === 'number' && typeof weight[1] === 'number' && channels !== weight[1] * group)
    throw mismatch(c.node, `got ${channels} channels`, `${weight[1] * group}, as its weight says`);
  const kernel = [fixed(c, weight[2]!, 'kernel'), fixed(c, weight[3]!, 'kernel')];
  const out = positive(c, windowOutput(windowOf(c.node, size, kernel), size));
  return [{ dtype: c.input(0).dtype, shape: [batch, weight[0]!, ...out] }];
};

export const ConvTranspose: ShapeRule = (c) => {
  const { batch, size } = spatial(c);
  const weight = ranked(c, 1, 4);
  const kernel = [fixed(c, weight[2]!, 'kernel'), fixed(c, weight[3]!, 'kernel')];
  const w = windowOf(c.node, size, kernel);
  const extra = pair(intsOf(c.node, 'output_padding'), 0);
  const stated = intsOf(c.node, 'output_shape');
  const out = [0, 1].map(
    (a) =>
      stated?.[a] ??
      w.strides[a]! * (size[a]! - 1) +
        extra[a]! +
        (w.kernel[a]! - 1) * w.dilations[a]! +
        1 -
        w.pads[a]! -
        w.pads[a + 2]!,
  );
  const channels = fixed(c, weight[1]!, 'channels') * intOf(c.node, 'group', 1);
  return [{ dtype: c.input(0).dtype, shape: [batch, channels, ...out] }];
};

const pool: ShapeRule = (c) => {
  const { batch, channels, size } = spatial(c);
  const out = positive(c, windowOutput(windowOf(c.node, size), size));
  const type = { dtype: c.input(0).dtype, shape: [batch, channels, ...out] };
  return [type, { dtype: 'int64', shape: type.shape }];
};
export const MaxPool: ShapeRule = pool;
export const AveragePool: ShapeRule = (c) => [pool(c)[0]!];

export const GlobalAveragePool: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  return [{ dtype, shape: [...shape.slice(0, 2), ...shape.slice(2).map(() => 1)] }];
};

export const BatchNormalization: ShapeRule = (c) => {
  const x = c.input(0);
  const statistic = { dtype: x.dtype, shape: [x.shape[1]!] };
  return [x, statistic, statistic];
};

export const DepthToSpace: ShapeRule = (c) => {
  const [n, channels, h, w] = ranked(c, 0, 4);
  const b = intOf(c.node, 'blocksize', 1);
  const depth = quotient(channels!, b * b);
  if (depth === null) throw mismatch(c.node, `got ${channels} channels`, `a multiple of ${b * b}`);
  const size = [fixed(c, h!, 'height') * b, fixed(c, w!, 'width') * b];
  return [{ dtype: c.input(0).dtype, shape: [n!, depth, ...size] }];
};

export const SpaceToDepth: ShapeRule = (c) => {
  const [n, channels, h, w] = ranked(c, 0, 4);
  const b = intOf(c.node, 'blocksize', 1);
  const size = [quotient(h!, b), quotient(w!, b)];
  if (size.includes(null)) throw mismatch(c.node, `got a ${h}×${w} map`, `multiples of ${b}`);
  return [{ dtype: c.input(0).dtype, shape: [n!, fixed(c, channels!, 'channels') * b * b, ...size] }];
};
