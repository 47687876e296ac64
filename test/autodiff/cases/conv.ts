import type { AttributeValue } from '../../../src/graph/index.ts';
import { any, type Case, type Spec } from '../check.ts';

type Sizes = readonly number[];
type Attributes = Readonly<Record<string, AttributeValue>>;

const convolution =
  (op: 'Conv' | 'ConvTranspose') =>
  (name: string, x: Sizes, w: Sizes, attributes: Attributes = {}): Case => {
    const outputs = op === 'Conv' ? w[0]! : w[1]! * Number(attributes.group ?? 1);
    return {
      name: `${op} ${name}`,
      inputs: { x: any('N', ...x) },
      weights: { w: any(...w), bias: any(outputs) },
      y: (b) => b.op(op, ['x', 'w', 'bias'], attributes),
    };
  };

const conv = convolution('Conv');
const transpose = convolution('ConvTranspose');
const s = (n: number, m = n) => ({ strides: [n, m] });
const p = (...pads: number[]) => ({ pads: pads.length === 1 ? Array(4).fill(pads[0]) : pads });
const d = (n: number, m = n) => ({ dilations: [n, m] });

/** Sizes are [C, H, W] and [M, C/g, kh, kw]. */
export const convolutions: readonly Case[] = [
  conv('1×1', [3, 4, 5], [4, 3, 1, 1]),
  conv('2×2', [3, 5, 4], [2, 3, 2, 2]),
  conv('3×3, padded', [3, 7, 6], [4, 3, 3, 3], p(1)),
  conv('3×3, wholly padded', [2, 5, 5], [3, 2, 3, 3], p(2)),
  conv('4×4 on odd sizes', [2, 7, 9], [3, 2, 4, 4], p(1)),
  conv('5×5', [2, 8, 7], [2, 2, 5, 5], p(2)),
  conv('3×2, pads 0 1 2 1', [2, 5, 6], [3, 2, 3, 2], p(0, 1, 2, 1)),
  conv('1×3, pads 0 2 0 0', [2, 4, 6], [3, 2, 1, 3], p(0, 2, 0, 0)),
  conv('1×1, padded beyond its kernel', [2, 4, 4], [3, 2, 1, 1], p(1, 2, 0, 1)),
  conv('2×2, padded beyond its kernel', [2, 4, 5], [3, 2, 2, 2], p(3, 2, 2, 3)),
  conv('3×3 dilated', [2, 9, 8], [3, 2, 3, 3], { ...d(2), ...p(2) }),
  conv('2×3 dilated 3 1, uneven pads', [2, 9, 8], [3, 2, 2, 3], { ...d(3, 1), ...p(0, 1, 2, 2) }),
  conv('3×3 in 2 groups', [4, 6, 5], [6, 2, 3, 3], { group: 2, ...p(1) }),
  conv('3×3 depthwise', [4, 6, 5], [4, 1, 3, 3], { group: 4, ...p(1) }),
  conv('3×3 depthwise, two filters each', [3, 5, 5], [6, 1, 3, 3], { group: 3, ...p(1) }),
  conv('3×3 dilated in 2 groups', [4, 8, 8], [4, 2, 3, 3], { group: 2, ...d(2), ...p(1, 2, 2, 0) }),
  conv('16 channels, small map', [16, 5, 6], [4, 16, 3, 3], p(1)),
  conv('16 channels, large map', [16, 16, 17], [3, 16, 3, 3], p(1)),
  conv('16 channels, 1×1', [16, 4, 4], [5, 16, 1, 1]),
  conv('16 channels, 1×1, large map', [16, 16, 16], [3, 16, 1, 1]),
  conv('16 channels, uneven pads', [16, 6, 5], [4, 16, 3, 2], p(0, 1, 2, 0)),
  conv('16 channels, dilated', [16, 8, 8], [3, 16, 3, 3], { ...d(2), ...p(1) }),
  conv('16 channels, strides 1 2', [16, 7, 8], [3, 16, 3, 3], { ...s(1, 2), ...p(1) }),
  conv('16 channels, 3×3 stride 2', [16, 7, 8], [3, 16, 3, 3], { ...s(2), ...p(1) }),
  conv('16 channels, stride 2 in 2 groups', [16, 8, 8], [4, 8, 3, 3], { ...s(2), ...p(1), group: 2 }),
  conv('3×3 stride 2', [3, 8, 8], [4, 3, 3, 3], { ...s(2), ...p(1) }),
  conv('3×3 stride 2, odd sizes', [3, 7, 9], [4, 3, 3, 3], { ...s(2), ...p(1) }),
  conv('3×3 stride 2, a row unused', [3, 8, 8], [4, 3, 3, 3], s(2)),
  conv('4×4 stride 2', [1, 10, 10], [4, 1, 4, 4], { ...s(2), ...p(1) }),
  conv('5×5 stride 2, 8 channels', [8, 9, 10], [3, 8, 5, 5], { ...s(2), ...p(2) }),
  conv('7×7 stride 2', [3, 11, 12], [2, 3, 7, 7], { ...s(2), ...p(3) }),
  conv('1×1 stride 2', [3, 8, 7], [4, 3, 1, 1], s(2)),
  conv('1×1 stride 2, 16 channels', [16, 8, 8], [4, 16, 1, 1], s(2)),
  conv('2×2 stride 2', [3, 6, 7], [2, 3, 2, 2], s(2)),
  conv('1×1 stride 3', [2, 8, 10], [3, 2, 1, 1], s(3)),
  conv('2×2 stride 3', [2, 8, 10], [3, 2, 2, 2], { ...s(3), ...p(1) }),
  conv('3×3 stride 3', [2, 9, 10], [3, 2, 3, 3], s(3)),
  conv('4×4 stride 3', [2, 9, 11], [3, 2, 4, 4], { ...s(3), ...p(1) }),
  conv('5×5 stride 3', [2, 10, 11], [2, 2, 5, 5], { ...s(3), ...p(2, 1, 0, 2) }),
  conv('stride 2, pads 0 1 2 0', [2, 8, 9], [3, 2, 3, 3], { ...s(2), ...p(0, 1, 2, 0) }),
  conv('stride 2, padded beyond its kernel', [2, 6, 7], [3, 2, 2, 2], { ...s(2), ...p(3, 2, 4, 3) }),
  conv('stride 3, padded beyond its kernel', [6, 5, 4], [3, 6, 1, 1], { ...s(3), ...p(4, 5, 2, 3) }),
  conv('stride 3, image smaller than it', [2, 2, 2], [3, 2, 2, 2], s(3)),
  conv('stride 3, image smaller than it, padded', [6, 2, 1], [3, 6, 3, 3], { ...s(3), ...p(1) }),
  conv('stride 3, all windows in the padding', [6, 2, 2], [3, 6, 2, 2], { ...s(3), ...p(2, 2, 0, 0) }),
  conv('stride 2 in 2 groups', [4, 8, 7], [6, 2, 3, 3], { ...s(2), ...p(1), group: 2 }),
  conv('stride 2 depthwise', [4, 8, 7], [4, 1, 3, 3], { ...s(2), ...p(1), group: 4 }),
  conv('strides 2 1', [2, 8, 7], [3, 2, 3, 3], { ...s(2, 1), ...p(1) }),
  conv('strides 1 3', [2, 8, 7], [3, 2, 3, 3], { ...s(1, 3), ...p(1) }),
  conv('strides 3 2 in 2 groups', [4, 8, 9], [4, 2, 3, 2], { ...s(3, 2), ...p(1, 0, 1, 1), group: 2 }),
  conv('stride 2, dilated', [2, 10, 9], [3, 2, 3, 3], { ...s(2), ...d(2), ...p(2) }),
  conv('stride 3, dilated 2 1', [2, 10, 9], [3, 2, 3, 3], { ...s(3), ...d(2, 1), ...p(1) }),
  conv('stride 2, wider than a product interleaves', [1, 3, 171], [1, 1, 3, 3], { ...s(2), ...p(1) }),
  conv('stride 2, 8 channels, wide', [8, 3, 171], [1, 8, 1, 1], s(2)),
  conv('SAME_UPPER', [2, 7, 6], [3, 2, 3, 2], { auto_pad: 'SAME_UPPER' }),
  conv('SAME_LOWER', [2, 7, 6], [3, 2, 2, 4], { auto_pad: 'SAME_LOWER' }),
  conv('SAME_UPPER stride 2', [2, 7, 6], [3, 2, 3, 3], { auto_pad: 'SAME_UPPER', ...s(2) }),
  conv('SAME_LOWER stride 2', [2, 8, 7], [3, 2, 3, 3], { auto_pad: 'SAME_LOWER', ...s(2) }),
  conv('VALID', [2, 7, 6], [3, 2, 3, 3], { auto_pad: 'VALID' }),
  {
    name: 'Conv without bias',
    inputs: { x: any('N', 2, 5, 5) },
    weights: { w: any(3, 2, 3, 3) },
    y: (b) => b.op('Conv', ['x', 'w']),
  },

  conv('of lines, stride 2', [3, 9], [4, 3, 3], { strides: [2], pads: [1, 1] }),
  conv('of lines, dilated in 2 groups', [4, 9], [4, 2, 3], { dilations: [2], group: 2 }),
  conv('of volumes', [2, 4, 5, 4], [3, 2, 2, 3, 2], { pads: [1, 1, 0, 0, 1, 1] }),
  conv('of volumes, strides 2 1 2', [2, 5, 4, 5], [3, 2, 3, 1, 2], { strides: [2, 1, 2] }),
  conv('depthwise, strides 2 1', [4, 7, 6], [4, 1, 3, 3], { group: 4, ...s(2, 1), ...p(1) }),
  conv('depthwise, stride 2, dilated', [4, 9, 9], [4, 1, 3, 3], { group: 4, ...s(2), ...d(2), ...p(2) }),
  conv('2×2, stride 9', [2, 20, 20], [3, 2, 2, 2], s(9)),
  transpose('output_shape', [3, 4, 5], [3, 2, 3, 3], { ...s(2), output_shape: [8, 10] }),
  transpose('output_shape larger than its windows', [3, 3, 3], [3, 2, 2, 2], {
    ...s(2),
    output_shape: [7, 7],
  }),
  transpose('SAME_UPPER', [3, 4, 5], [3, 2, 3, 3], { ...s(2), auto_pad: 'SAME_UPPER' }),
  transpose('of lines', [3, 5], [3, 2, 3], { strides: [2], output_padding: [1] }),
  transpose('of volumes', [2, 3, 3, 2], [2, 2, 2, 3, 2], { strides: [2, 1, 2] }),
  transpose('2×2 stride 2', [3, 4, 5], [3, 2, 2, 2], s(2)),
  transpose('3×3', [3, 5, 4], [3, 2, 3, 3], p(1)),
  transpose('3×3 stride 2', [3, 4, 5], [3, 2, 3, 3], { ...s(2), ...p(1) }),
  transpose('output_padding', [3, 4, 5], [3, 2, 3, 3], { ...s(2), ...p(1), output_padding: [1, 1] }),
  transpose('4×4 stride 3, uneven pads', [2, 4, 3], [2, 3, 4, 4], { ...s(3), ...p(0, 1, 2, 1) }),
  transpose('in 2 groups', [4, 4, 4], [4, 3, 3, 3], { ...s(2), ...p(1), group: 2 }),
  transpose('dilated', [2, 5, 5], [2, 3, 3, 3], { ...d(2), ...p(1) }),
  transpose('strides 1 2', [2, 5, 4], [2, 3, 3, 2], s(1, 2)),
  transpose('SAME_UPPER stride 2', [2, 4, 5], [2, 3, 3, 3], { auto_pad: 'SAME_UPPER', ...s(2) }),
  transpose('SAME_LOWER stride 2', [2, 4, 5], [2, 3, 3, 3], { auto_pad: 'SAME_LOWER', ...s(2) }),
  transpose('16 channels', [4, 6, 5], [4, 16, 3, 3], p(1)),
];

/** Gradients that meet: in phase space, in dense space, and one with the other. */
const twoConvs = (
  name: string,
  x: Sizes,
  w: Sizes,
  v: Sizes,
  first: Attributes,
  second: Attributes,
): Case => ({
  name,
  inputs: { x: any('N', ...x) },
  weights: { w: any(...w), v: any(...v) } satisfies Record<string, Spec>,
  y: (b) => {
    const h = b.op('Tanh', ['x']);
    return b.op('Add', [b.op('Conv', [h, 'w'], first), b.op('Conv', [h, 'v'], second)]);
  },
});

export const meetings: readonly Case[] = [
  twoConvs(
    '3×3 stride 2 beside a 1×1 stride 2 shortcut',
    [3, 8, 8],
    [4, 3, 3, 3],
    [4, 3, 1, 1],
    { ...s(2), ...p(1) },
    s(2),
  ),
  twoConvs('the same with 16 channels', [16, 8, 7], [4, 16, 3, 3], [4, 16, 1, 1], { ...s(2), ...p(1) }, s(2)),
  twoConvs(
    'stride 3 twice',
    [6, 9, 9],
    [2, 6, 3, 3],
    [2, 6, 5, 5],
    { ...s(3), ...p(1) },
    { ...s(3), ...p(2) },
  ),
  twoConvs(
    'a 1×1 and a 2×2, stride 2, depthwise',
    [4, 8, 8],
    [4, 1, 1, 1],
    [4, 1, 2, 2],
    { ...s(2), group: 4 },
    { ...s(2), group: 4 },
  ),
  {
    name: 'strides 2 and 3 and a dense path',
    inputs: { x: any('N', 6, 6, 6) },
    weights: { w: any(2, 6, 3, 3), v: any(2, 6, 3, 3), u: any(2, 6, 3, 3) },
    y: (b) => {
      const half = b.op('Conv', ['x', 'w'], { ...s(2), ...p(1) });
      const third = b.op('Conv', ['x', 'v'], { ...s(3), ...p(1) });
      const dense = b.op('Conv', ['x', 'u'], p(1));
      const [a, c, e] = [half, third, dense].map((v) => b.op('GlobalAveragePool', [v]));
      return b.op('Add', [a!, b.op('Mul', [c!, e!])]);
    },
  },
  {
    name: 'a weight used by two convolutions',
    inputs: { x: any('N', 3, 6, 6) },
    weights: { w: any(3, 3, 3, 3) },
    y: (b) => b.op('Conv', [b.op('Conv', ['x', 'w'], p(1)), 'w'], s(2)),
  },
  {
    name: 'a strided convolution and a strided pool of one value',
    inputs: { x: any('N', 8, 8, 8) },
    weights: { w: any(8, 8, 3, 3) },
    y: (b) =>
      b.op('Add', [
        b.op('Conv', ['x', 'w'], { ...s(2), ...p(1) }),
        b.op('AveragePool', ['x'], { kernel_shape: [2, 2], ...s(2) }),
      ]),
  },
];
