import type { AttributeValue } from '../../../src/graph/index.ts';
import { any, apart, type Case } from '../check.ts';

type Sizes = readonly number[];
type Attributes = Readonly<Record<string, AttributeValue>>;

const pool =
  (op: 'MaxPool' | 'AveragePool') =>
  (name: string, x: Sizes, kernel: Sizes, attributes: Attributes = {}): Case => ({
    name: `${op} ${name}`,
    // Winners are 0.1 apart, and the step moves each by at most 0.005: no maximum changes place.
    inputs: { x: op === 'MaxPool' ? apart('N', ...x) : any('N', ...x) },
    y: (b) => b.op(op, ['x'], { kernel_shape: kernel, ...attributes }),
  });
const max = pool('MaxPool');
const average = pool('AveragePool');
const s = (n: number) => ({ strides: [n, n] });
const p = (...pads: number[]) => ({ pads: pads.length === 1 ? Array(4).fill(pads[0]) : pads });
const ceil = { ceil_mode: 1 };
const count = { count_include_pad: 1 };

export const pools: readonly Case[] = [
  max('2×2', [2, 6, 6], [2, 2], s(2)),
  max('2×2, a row and column unused', [2, 7, 5], [2, 2], s(2)),
  max('3×3 stride 2, overlapping', [2, 7, 8], [3, 3], { ...s(2), ...p(1) }),
  max('3×3 stride 1', [2, 5, 4], [3, 3], p(1)),
  max('2×3 stride 1', [1, 4, 5], [2, 3]),
  max('3×3 stride 3', [1, 7, 9], [3, 3], s(3)),
  max('2×2 stride 3, pixels between', [2, 8, 7], [2, 2], s(3)),
  max('1×1 stride 2', [2, 5, 6], [1, 1], s(2)),
  max('1×1', [2, 3, 3], [1, 1]),
  max('ceil_mode', [2, 6, 7], [3, 3], { ...s(2), ...ceil }),
  max('ceil_mode, padded', [2, 6, 7], [3, 3], { ...s(2), ...p(1), ...ceil }),
  max('pads 0 1 1 0', [2, 6, 5], [3, 2], { ...s(2), ...p(0, 1, 1, 0) }),
  max('dilated', [1, 7, 8], [2, 3], { dilations: [2, 3] }),
  max('dilated, stride 2, padded', [1, 9, 8], [3, 3], { dilations: [2, 2], ...s(2), ...p(1) }),
  max('SAME_UPPER stride 2', [2, 7, 6], [3, 3], { auto_pad: 'SAME_UPPER', ...s(2) }),
  max('SAME_LOWER stride 2', [2, 7, 6], [2, 2], { auto_pad: 'SAME_LOWER', ...s(2) }),
  max('two strides', [2, 7, 8], [2, 3], { strides: [2, 3] }),
  max('stride 1 and 2, padded', [2, 5, 8], [3, 3], { strides: [1, 2], ...p(1) }),
  max('of lines', [2, 9], [3], { strides: [2], ...p(1, 1) }),
  max('of volumes', [2, 4, 5, 4], [2, 2, 3], { strides: [2, 1, 2] }),
  {
    // onnxruntime's kernel drops the window that would start in the padding, its shape inference does not: the Slice
    // says what the size is.
    name: 'MaxPool ceil_mode, the last window dropped',
    inputs: { x: apart('N', 2, 5, 6) },
    y: (b) => {
      const pooled = b.op('MaxPool', ['x'], { kernel_shape: [2, 2], ...s(3), ...p(1), ...ceil });
      return b.op('Slice', [pooled, b.ints([0]), b.ints([2]), b.ints([2])]);
    },
  },
  {
    name: 'MaxPool with its Indices unused',
    inputs: { x: apart('N', 2, 6, 6) },
    y: (b) => b.ops('MaxPool', ['x'], { kernel_shape: [2, 2] }, 2)[0]!,
  },
  max('wide', [1, 3, 171], [2, 2], s(2)),

  average('2×2', [2, 6, 6], [2, 2], s(2)),
  average('2×2, a row and column unused', [2, 7, 5], [2, 2], s(2)),
  average('3×3 stride 1', [2, 5, 4], [3, 3]),
  average('3×3 stride 1, padded', [2, 5, 4], [3, 3], p(1)),
  average('3×3 stride 1, padding counted', [2, 5, 4], [3, 3], { ...p(1), ...count }),
  average('3×3 stride 2, overlapping', [2, 7, 8], [3, 3], { ...s(2), ...p(1) }),
  average('3×3 stride 2, padding counted', [2, 7, 8], [3, 3], { ...s(2), ...p(1), ...count }),
  average('2×2 stride 3, pixels between', [2, 8, 7], [2, 2], s(3)),
  average('1×1 stride 2', [2, 5, 6], [1, 1], s(2)),
  average('pads 0 1 1 0', [2, 6, 5], [3, 2], { ...s(2), ...p(0, 1, 1, 0) }),
  average('ceil_mode', [2, 6, 7], [3, 3], { ...s(2), ...ceil }),
  average('ceil_mode, padded', [2, 6, 7], [3, 3], { ...s(2), ...p(1), ...ceil }),
  average('ceil_mode, padding counted', [2, 6, 7], [3, 3], { ...s(2), ...p(1), ...ceil, ...count }),
  average('ceil_mode, counted, no padding', [1, 6, 5], [3, 2], { ...s(2), ...ceil, ...count }),
  average('SAME_UPPER stride 2', [2, 7, 6], [3, 3], { auto_pad: 'SAME_UPPER', ...s(2) }),
  average('two strides', [2, 7, 8], [2, 3], { strides: [2, 3] }),
  average('dilated', [2, 7, 8], [2, 3], { dilations: [2, 2] }),
  average('dilated, stride 2, padded', [2, 9, 8], [3, 3], { dilations: [2, 2], ...s(2), ...p(1) }),
  average('of lines', [2, 9], [3], { strides: [2], ...p(1, 1) }),
  average('of volumes', [2, 4, 5, 4], [2, 2, 3], { strides: [2, 1, 2] }),
  average('16 channels', [16, 4, 4], [2, 2], s(2)),

  {
    name: 'GlobalAveragePool of lines',
    inputs: { x: any('N', 3, 5) },
    y: (b) => b.op('GlobalAveragePool', ['x']),
  },
  { name: 'GlobalAveragePool', inputs: { x: any('N', 3, 4, 5) }, y: (b) => b.op('GlobalAveragePool', ['x']) },
  {
    name: 'GlobalAveragePool of 16 channels',
    inputs: { x: any('N', 16, 3, 3) },
    y: (b) => b.op('GlobalAveragePool', [b.op('Tanh', ['x'])]),
  },
];
