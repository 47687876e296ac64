import { describe, it } from 'vitest';
import { float } from '../../src/graph/attributes.ts';
import type { AttributeValue } from '../../src/graph/index.ts';
import type { Dense } from '../../src/graph/reference/index.ts';
import { key } from '../../src/random/index.ts';
import { dense, expectAsOnnxruntime, ints, random, type Tolerance, whole } from './kernels.ts';

/** A node and its inputs, given to the kernel and to onnxruntime. */
type Case = readonly [
  op: string,
  inputs: readonly (Dense | undefined)[],
  attributes?: Readonly<Record<string, AttributeValue>>,
  options?: Tolerance & { outputs?: number; opset?: number },
];

const k = (name: string) => key(1).fold(name);
const floats = (...value: number[]): AttributeValue => ({ type: 'floats', value });
const strings = (...value: string[]): AttributeValue => ({ type: 'strings', value });
const x = random(k('x'), [2, 3, 4, 5]);
const image = random(k('image'), [1, 2, 5, 6]);
const positive = random(k('positive'), [2, 3, 4, 5], 0.1, 2);
const bytes = (name: string, shape: readonly number[], dtype: 'uint8' | 'int8' = 'uint8'): Dense =>
  dtype === 'uint8' ? whole(k(name), shape, 0, 256, dtype) : whole(k(name), shape, -128, 128, dtype);
const scalar = (value: number, dtype: Dense['dtype'] = 'float32'): Dense =>
  dense([], [dtype === 'float32' ? Math.fround(value) : value], dtype);
const zero = scalar(127, 'uint8');
/** onnxruntime's integer kernels round in another order than dequantise, compute, quantise. */
const step = { steps: 1 };

const UNARY: readonly Case[] = [
  ...[
    'Abs',
    'Asinh',
    'Atan',
    'Ceil',
    'Cos',
    'Cosh',
    'Erf',
    'Exp',
    'Floor',
    'HardSwish',
    'Mish',
    'Neg',
    'Relu',
  ],
  ...[
    'Round',
    'Sigmoid',
    'Sign',
    'Sin',
    'Sinh',
    'Softplus',
    'Softsign',
    'Tan',
    'Tanh',
    'Acos',
    'Asin',
    'Atanh',
  ],
].map((op): Case => [op, [x]]);

const CASES: readonly Case[] = [
  ...UNARY,
  ['Log', [positive]],
  ['Sqrt', [positive]],
  ['Reciprocal', [positive]],
  ['Acosh', [random(k('acosh'), [7], 1, 3)]],
  ['Elu', [x], { alpha: float(0.7) }],
  ['Celu', [x], { alpha: float(0.7) }],
  ['Selu', [x]],
  ['LeakyRelu', [x], { alpha: float(0.2) }],
  ['HardSigmoid', [random(k('hard'), [20], -4, 4)], { alpha: float(0.3), beta: float(0.4) }],
  ['ThresholdedRelu', [x], { alpha: float(0.3) }],
  ['Shrink', [x], { lambd: float(0.4), bias: float(0.1) }],
  ['Gelu', [x]],
  ['Gelu', [x], { approximate: 'tanh' }],
  ['PRelu', [x, random(k('slope'), [3, 1, 1])]],
  ['Clip', [x, scalar(-0.3), undefined]],
  ['Mod', [whole(k('m'), [9], -9, 9, 'int32'), dense([9], [1, 2, 3, 4, 5, -1, -2, -3, -4], 'int32')]],
  ['Mod', [x, positive], { fmod: 1 }],
  ['Div', [whole(k('d'), [9], -20, 20, 'int32'), dense([], [3], 'int32')]],
  ['Mul', [bytes('a', [20]), bytes('b', [20])]],
  ['Sub', [whole(k('i'), [4], -9, 9, 'int64'), ints(1, 2, 3, 4)]],
  ['Pow', [positive, x]],
  ['Max', [x, positive, scalar(0.5)]],
  ['Mean', [x, positive]],
  ['Cast', [random(k('c'), [30], -500, 500)], { to: 6 }],
  ['Where', [dense([3, 1, 1], [1, 0, 1], 'bool'), x, scalar(2)]],
  ['ReduceMean', [x, ints(1, -1)]],
  ['ReduceL2', [x, ints(0)], { keepdims: 0 }],
  ['ReduceLogSumExp', [x, ints(2)]],
  ['ReduceProd', [x]],
  ['ReduceMax', [x, dense([0], [], 'int64')], { noop_with_empty_axes: 1 }],
  ['ArgMax', [whole(k('arg'), [4, 9], 0, 3, 'int32')], { axis: 1, select_last_index: 1, keepdims: 0 }],
  ['ArgMin', [x], { axis: -2 }],
  ['CumSum', [x, scalar(2, 'int64')], { exclusive: 1, reverse: 1 }],
  ['GlobalLpPool', [x], { p: 3 }],
  ['Softmax', [x], { axis: 1 }],
  ['LogSoftmax', [x], { axis: 2 }],
  ['Hardmax', [x], { axis: 1 }],
  [
    'SoftmaxCrossEntropyLoss',
    [random(k('ce'), [3, 4, 2]), whole(k('l'), [3, 2], 0, 4, 'int64'), random(k('cw'), [4], 0.5, 1)],
    { reduction: 'mean', ignore_index: 2 },
    { outputs: 2 },
  ],
  ['Transpose', [x], { perm: [2, 0, 3, 1] }],
  ['Concat', [x, positive], { axis: -2 }],
  ['Split', [x], { axis: 3, num_outputs: 2 }, { outputs: 2 }],
  ['Slice', [x, ints(-1, 4), ints(-9, 0), ints(1, 3), ints(-1, -2)]],
  ['Tile', [x, ints(1, 2, 1, 3)]],
  ['Expand', [random(k('e'), [3, 1]), ints(2, 1, 4)]],
  ['Trilu', [x, scalar(-1, 'int64')], { upper: 0 }],
  ['DepthToSpace', [random(k('dts'), [1, 8, 2, 3])], { blocksize: 2, mode: 'CRD' }],
  ['SpaceToDepth', [random(k('std'), [1, 2, 4, 6])], { blocksize: 2 }],
  [
    'OneHot',
    [dense([2, 3], [0, -1, 3, 5, 2, 1], 'int64'), scalar(4, 'int64'), dense([2], [-1, 2])],
    { axis: 1 },
  ],
  ['EyeLike', [random(k('eye'), [3, 5])], { k: -1 }],
  ['Range', [scalar(0.5), scalar(3), scalar(0.5)]],
  ['Gather', [x, dense([2, 2], [0, -1, 1, 2], 'int64')], { axis: 1 }],
  ['GatherElements', [x, whole(k('ge'), [2, 2, 4, 5], -3, 3, 'int64')], { axis: 1 }],
  ['GatherND', [x, whole(k('gn'), [2, 4, 2], 0, 3, 'int64')], { batch_dims: 1 }],
  [
    'ScatterElements',
    [x, whole(k('se'), [2, 2, 2, 3], -3, 3, 'int64'), random(k('su'), [2, 2, 2, 3])],
    { axis: 1, reduction: 'add' },
  ],
  ['ScatterND', [x, dense([2, 2], [0, 2, 1, -1], 'int64'), random(k('sn'), [2, 4, 5])], { reduction: 'max' }],
  ['NonZero', [whole(k('nz'), [3, 4], -1, 2, 'float32')]],
  ['Compress', [x, dense([3], [1, 0, 1], 'bool')], { axis: 3 }],
  ['TopK', [whole(k('tk'), [3, 8], 0, 5, 'float32'), ints(4)], { axis: 1 }, { outputs: 2 }],
  ['Einsum', [random(k('e1'), [2, 3, 4]), random(k('e2'), [4, 5])], { equation: '...ij, jk -> ...ki' }],
  ['Einsum', [random(k('e3'), [3, 3])], { equation: 'ii->i' }],
  ['MatMul', [random(k('m1'), [2, 1, 3, 4]), random(k('m2'), [5, 4, 2])]],
  [
    'Gemm',
    [random(k('g1'), [4, 3]), random(k('g2'), [5, 4]), random(k('g3'), [5])],
    { alpha: float(0.5), beta: float(2), transA: 1, transB: 1 },
  ],
  ['BatchNormalization', [x, ...['g', 'b', 'm', 'v'].map((n) => random(k(n), [3], 0.5, 1))]],
  ['InstanceNormalization', [x, random(k('is'), [3]), random(k('ib'), [3])]],
  ['LayerNormalization', [x, random(k('ls'), [4, 5]), random(k('lb'), [4, 5])], { axis: 2 }, { outputs: 3 }],
  [
    'GroupNormalization',
    [random(k('gn0'), [2, 6, 3, 3]), random(k('gs'), [6]), random(k('gb'), [6])],
    { num_groups: 3 },
    { opset: 21 },
  ],
  ['RMSNormalization', [x, random(k('rs'), [5])], {}, { opset: 23 }],
  [
    'LRN',
    [random(k('lrn'), [2, 7, 2, 2])],
    { size: 5, alpha: float(0.5), beta: float(0.6), bias: float(1.5) },
  ],
  ['LpNormalization', [x], { axis: 1, p: 1 }],
  ['MeanVarianceNormalization', [x]],
  ['AffineGrid', [random(k('th'), [2, 2, 3]), ints(2, 3, 4, 5)], { align_corners: 1 }],
  ['Col2Im', [random(k('c2i'), [2, 12, 20]), ints(5, 6), ints(2, 2)]],
  ['CenterCropPad', [x, ints(6, 2)], { axes: [2, 3] }],
  [
    'QuantizeLinear',
    [random(k('q'), [3, 4], -3, 3), random(k('qs'), [3], 0.01, 0.1), bytes('qz', [3], 'int8')],
    { axis: 0 },
  ],
  ['DequantizeLinear', [bytes('dq', [2, 3]), random(k('ds'), [3], 0.1, 1), bytes('dz', [3])], { axis: 1 }],
  ['DynamicQuantizeLinear', [random(k('dyn'), [40], -2, 5)], {}, { outputs: 3 }],
  [
    'MatMulInteger',
    [bytes('mi', [2, 3]), bytes('mj', [3, 4], 'int8'), scalar(9, 'uint8'), bytes('mz', [4], 'int8')],
  ],
  [
    'ConvInteger',
    [bytes('ci', [1, 2, 5, 5]), bytes('cw', [3, 2, 3, 3]), zero, scalar(4, 'uint8')],
    { pads: [1, 1, 1, 1] },
  ],
  [
    'QLinearConv',
    [
      bytes('qc', [1, 2, 5, 5]),
      scalar(0.02),
      zero,
      bytes('qw', [3, 2, 3, 3], 'int8'),
      random(k('ws'), [3], 0.01, 0.02),
      dense([3], [0, 0, 0], 'int8'),
      scalar(0.1),
      zero,
      whole(k('qb'), [3], -999, 999, 'int32'),
    ],
    { pads: [1, 1, 1, 1], strides: [2, 2] },
    step,
  ],
  [
    'QLinearMatMul',
    [bytes('qa', [2, 3]), scalar(0.02), zero, bytes('qd', [3, 4]), scalar(0.03), zero, scalar(0.1), zero],
    {},
    step,
  ],
  [
    'RNN',
    [
      random(k('r'), [4, 2, 3]),
      random(k('rw'), [2, 5, 3]),
      random(k('rr'), [2, 5, 5]),
      random(k('rb'), [2, 10]),
      dense([2], [4, 2], 'int32'),
    ],
    {
      hidden_size: 5,
      direction: 'bidirectional',
      activations: strings('Tanh', 'LeakyRelu'),
      activation_alpha: floats(0.3),
    },
    { outputs: 2 },
  ],
  [
    'GRU',
    [
      random(k('u'), [4, 2, 3]),
      random(k('uw'), [1, 15, 3]),
      random(k('ur'), [1, 15, 5]),
      random(k('ub'), [1, 30]),
      undefined,
      random(k('u0'), [1, 2, 5]),
    ],
    { hidden_size: 5, direction: 'reverse' },
    { outputs: 2 },
  ],
  [
    'GRU',
    [
      random(k('u'), [4, 2, 3]),
      random(k('uw'), [1, 15, 3]),
      random(k('ur'), [1, 15, 5]),
      random(k('ub'), [1, 30]),
    ],
    { hidden_size: 5, linear_before_reset: 1 },
    { outputs: 2 },
  ],
  [
    'LSTM',
    [random(k('s'), [4, 2, 3]), random(k('sw'), [1, 20, 3]), random(k('sr'), [1, 20, 5])],
    { hidden_size: 5, clip: float(0.4), input_forget: 1 },
    { outputs: 3 },
  ],
  [
    'LSTM',
    [
      random(k('s'), [4, 2, 3]),
      random(k('sw'), [2, 20, 3]),
      random(k('sr'), [2, 20, 5]),
      random(k('sb'), [2, 40]),
      dense([2], [3, 4], 'int32'),
      random(k('h0'), [2, 2, 5]),
      random(k('c0'), [2, 2, 5]),
      random(k('sp'), [2, 15]),
    ],
    { hidden_size: 5, direction: 'bidirectional' },
    { outputs: 3 },
  ],
  [
    'Attention',
    [
      random(k('aq'), [2, 4, 3, 8]),
      random(k('ak'), [2, 2, 5, 8]),
      random(k('av'), [2, 2, 5, 6]),
      random(k('am'), [3, 5]),
    ],
    { is_causal: 1, scale: float(0.3), softcap: float(2) },
    { opset: 23 },
  ],
  [
    'RotaryEmbedding',
    [
      random(k('ro'), [2, 3, 16]),
      random(k('rc'), [7, 2]),
      random(k('rn'), [7, 2]),
      whole(k('rp'), [2, 3], 0, 7, 'int64'),
    ],
    { num_heads: 2, rotary_embedding_dim: 4, interleaved: 1 },
    { opset: 23 },
  ],
  ['com.microsoft.Gelu', [x]],
  ['com.microsoft.BiasGelu', [x, random(k('bg'), [5])]],
  ['com.microsoft.FastGelu', [x, random(k('fg'), [5])]],
  ['com.microsoft.QuickGelu', [x], { alpha: float(1.3) }],
  [
    'com.microsoft.FusedConv',
    [image, random(k('fc'), [4, 2, 3, 3]), random(k('fb'), [4]), random(k('fz'), [1, 4, 3, 4])],
    { activation: 'Relu' },
  ],
  [
    'com.microsoft.FusedConv',
    [image, random(k('fc'), [4, 2, 3, 3])],
    { activation: 'HardSigmoid', activation_params: floats(0.3, 0.6) },
  ],
  [
    'com.microsoft.FusedGemm',
    [random(k('g1'), [4, 3]), random(k('g2'), [3, 4])],
    { activation: 'LeakyRelu', activation_alpha: float(0.3) },
  ],
  [
    'com.microsoft.FusedMatMul',
    [random(k('fm'), [2, 4, 3]), random(k('fn'), [2, 5, 4])],
    { transA: 1, transB: 1, alpha: float(0.5) },
  ],
  [
    'com.microsoft.FusedMatMul',
    [random(k('fo'), [4, 2, 3]), random(k('fp'), [2, 5, 3])],
    { transBatchA: 1, transB: 1 },
  ],
  [
    'com.microsoft.SkipLayerNormalization',
    [
      random(k('sl'), [2, 3, 4]),
      random(k('sk'), [2, 3, 4]),
      random(k('sg'), [4]),
      random(k('sh'), [4]),
      random(k('si'), [4]),
    ],
    { epsilon: float(1e-3) },
  ],
  [
    'com.microsoft.QLinearAdd',
    [bytes('la', [2, 5]), scalar(0.02), zero, bytes('lb', [5]), scalar(0.03), zero, scalar(0.05), zero],
    {},
    step,
  ],
  [
    'com.microsoft.QLinearMul',
    [bytes('la', [2, 5]), scalar(0.02), zero, bytes('lb', [5]), scalar(0.03), zero, scalar(0.05), zero],
    {},
    step,
  ],
  [
    'com.microsoft.QLinearSigmoid',
    [bytes('ls', [40]), scalar(0.05), zero, scalar(1 / 256), scalar(0, 'uint8')],
    {},
    step,
  ],
  [
    'com.microsoft.QLinearLeakyRelu',
    [bytes('ll', [40]), scalar(0.05), zero, scalar(0.05), zero],
    { alpha: float(0.2) },
    step,
  ],
  [
    'com.microsoft.QLinearAveragePool',
    [bytes('lp', [1, 2, 5, 5]), scalar(0.05), zero, scalar(0.04), zero],
    { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    step,
  ],
  [
    'com.microsoft.QLinearGlobalAveragePool',
    [bytes('lg', [1, 3, 3, 2]), scalar(0.05), zero, scalar(0.04), zero],
    { channels_last: 1 },
    step,
  ],
  [
    'com.microsoft.QLinearSoftmax',
    [bytes('lx', [2, 3, 4]), scalar(0.03), zero, scalar(1 / 256), scalar(0, 'uint8')],
    { axis: 1, opset: 11 },
    step,
  ],
  [
    'com.microsoft.QLinearSoftmax',
    [bytes('lx', [2, 3, 4]), scalar(0.03), zero, scalar(1 / 256), scalar(0, 'uint8')],
    { axis: 1, opset: 13 },
    step,
  ],
  [
    'com.microsoft.QLinearConcat',
    [
      scalar(0.05),
      zero,
      bytes('l1', [2, 3]),
      scalar(0.02),
      zero,
      bytes('l2', [2, 4]),
      scalar(0.07),
      scalar(3, 'uint8'),
    ],
    { axis: 1 },
    step,
  ],
  [
    'com.microsoft.QGemm',
    [
      bytes('ga', [3, 4]),
      scalar(0.02),
      zero,
      bytes('gb', [5, 4], 'int8'),
      random(k('gc'), [5], 0.01, 0.02),
      dense([5], [0, 0, 0, 0, 0], 'int8'),
      whole(k('gd'), [5], -500, 500, 'int32'),
      scalar(0.05),
      zero,
    ],
    { transB: 1, alpha: float(1.5) },
    step,
  ],
  [
    'com.microsoft.QGemm',
    [bytes('ga', [4, 3]), scalar(0.02), zero, bytes('gb', [4, 5], 'int8'), scalar(0.01), scalar(3, 'int8')],
    { transA: 1 },
  ],
];

describe('kernels against onnxruntime', () => {
  it.each(CASES.map((c, i) => [`${i} ${c[0]}`, c] as const))(
    '%s',
    async (_, [op, inputs, attributes, options]) => {
      await expectAsOnnxruntime(op, inputs, attributes, options);
    },
  );
});
