import { type AttributeValue, float } from '../../../src/graph/index.ts';
import { any, apart, type Case, frozen, labels, lossOf, positive, type Spec } from '../check.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

const gemm = (name: string, a: Spec, w: Spec, c: Spec | undefined, attributes: Attributes): Case => ({
  name: `Gemm ${name}`,
  inputs: { a },
  weights: { w, ...(c && { c }) },
  y: (b) => b.op('Gemm', c ? ['a', 'w', 'c'] : ['a', 'w'], attributes),
});
const scaled = { alpha: float(0.7), beta: float(-1.3) };

const matmul = (a: Spec, w: Spec): Case => ({
  name: `MatMul [${a.shape}] [${w.shape}]`,
  inputs: { a },
  weights: { w },
  y: (b) => b.op('MatMul', ['a', 'w']),
});

const reduce = (op: string, axes: readonly number[] | undefined, keepdims: number, x: Spec): Case => ({
  name: `${op} [${x.shape}] over ${axes ?? 'all'}${keepdims ? '' : ', dropped'}`,
  inputs: { x },
  y: (b) => b.op(op, axes ? ['x', b.ints(axes)] : ['x'], { keepdims }),
});

const softmax = (op: string, axis: number, x: Spec): Case => ({
  name: `${op} [${x.shape}] axis ${axis}`,
  inputs: { x },
  y: (b) => b.op(op, ['x'], { axis }),
});

const norm = (name: string, x: Spec, training: boolean): Case => ({
  name: `BatchNormalization ${name}`,
  inputs: { x },
  weights: {
    gamma: any(3),
    beta: any(3),
    // In training the batch's own take their place.
    mean: training ? frozen(any(3)) : any(3),
    variance: training ? frozen(positive(3)) : positive(3),
  },
  y: (b) =>
    b.ops(
      'BatchNormalization',
      ['x', 'gamma', 'beta', 'mean', 'variance'],
      { epsilon: float(0.1), training_mode: training ? 1 : 0 },
      training ? 3 : 1,
    )[0]!,
});

export const linear: readonly Case[] = [
  gemm('', any('N', 4), any(4, 3), any(3), {}),
  gemm('without C', any('N', 4), any(4, 3), undefined, { alpha: float(0.5) }),
  gemm('transB', any('N', 4), any(3, 4), any(3), { transB: 1 }),
  gemm('transA', any(4, 'N'), any(4, 3), any(3), { transA: 1 }),
  gemm('transA transB', any(4, 'N'), any(3, 4), any(3), { transA: 1, transB: 1 }),
  gemm('alpha beta', any('N', 4), any(4, 3), any(1, 3), scaled),
  gemm('alpha beta transB', any('N', 4), any(3, 4), any(), { ...scaled, transB: 1 }),
  gemm('alpha beta transA', any(4, 5), any(4, 3), any(5, 1), { ...scaled, transA: 1 }),
  gemm('alpha beta transA transB', any(4, 5), any(3, 4), any(5, 3), { ...scaled, transA: 1, transB: 1 }),
  gemm('C of one element', any('N', 4), any(4, 3), any(1), {}),

  matmul(any('N', 4), any(4, 3)),
  matmul(any('N', 2, 4), any(4, 3)),
  matmul(any('N', 2, 3, 4), any(4, 3)),
  matmul(any('N', 2, 4), any(1, 4, 3)),
  matmul(any('N', 2, 5, 4), any(2, 4, 3)),
  matmul(any('N', 1, 5, 4), any(2, 4, 3)),
  matmul(any(5, 4), any(2, 4, 3)),
  matmul(any(1, 5, 4), any(3, 4, 2)),
  matmul(any('N', 4), any(4)),
  matmul(any('N', 2, 4), any(4)),
  matmul(any(4), any(4, 3)),
  matmul(any(4), any(2, 4, 3)),
  matmul(any(4), any(4)),
  ...(
    [
      ['bij,bjk->bik', any('N', 2, 3), any(1, 3, 2)],
      ['bij,kj->bik', any('N', 2, 3), any(4, 3)],
      ['bij,kj', any('N', 2, 3), any(4, 3)],
      ['bij,i->b', any('N', 2, 3), any(2)],
      ['b...j,jk->b...k', any('N', 2, 2, 3), any(3, 4)],
    ] as const
  ).map(
    ([equation, a, w]): Case => ({
      name: `Einsum ${equation}`,
      inputs: { a },
      weights: { w },
      y: (b) => b.op('Einsum', ['a', 'w'], { equation }),
    }),
  ),
  {
    name: 'MatMul of two batched inputs',
    inputs: { a: any('N', 2, 3), c: any('N', 3, 4) },
    y: (b) => b.op('MatMul', ['a', 'c']),
  },

  ...(['ReduceSum', 'ReduceMean'] as const).flatMap((op) =>
    [1, 0].flatMap((keepdims) => [
      reduce(op, [1], keepdims, any('N', 3, 4)),
      reduce(op, [1, -1], keepdims, any('N', 3, 4)),
      reduce(op, [0], keepdims, any('N', 3, 4)),
      reduce(op, [0, 2], keepdims, any('N', 3, 4)),
      reduce(op, undefined, keepdims, any('N', 3)),
      reduce(op, [2, 3], keepdims, any('N', 2, 3, 4)),
    ]),
  ),
  ...[1, 0].flatMap((keepdims) => [
    reduce('ReduceL2', [1, 2], keepdims, any('N', 3, 4)),
    reduce('ReduceLogSumExp', [-1], keepdims, any('N', 3, 4)),
    reduce('ReduceProd', [1], keepdims, any('N', 3, 4)),
    reduce('ReduceMin', [2], keepdims, apart('N', 3, 4)),
    reduce('ReduceMax', [1], keepdims, apart('N', 3, 4)),
    reduce('ReduceMax', [2, 3], keepdims, apart('N', 2, 3, 4)),
    reduce('ReduceMax', [0], keepdims, apart('N', 4)),
    reduce('ReduceMax', undefined, keepdims, apart('N', 4)),
  ]),
  {
    name: 'ReduceSum of no axes, a no-op',
    inputs: { x: any('N', 3) },
    y: (b) => b.op('ReduceSum', ['x'], { noop_with_empty_axes: 1 }),
  },
  {
    name: 'a convolution before a mean over the batch',
    inputs: { x: any('N', 2, 5, 5) },
    weights: { w: any(3, 2, 3, 3) },
    y: (b) =>
      b.op('ReduceMean', [b.op('Conv', ['x', 'w'], { strides: [2, 2] }), b.ints([0])], { keepdims: 0 }),
  },

  softmax('Softmax', -1, any('N', 5)),
  softmax('Softmax', 1, any('N', 3, 4)),
  softmax('Softmax', 0, any(3, 4)),
  softmax('LogSoftmax', -1, any('N', 5)),
  softmax('LogSoftmax', 1, any('N', 3, 4)),
  {
    name: 'SoftmaxCrossEntropyLoss',
    inputs: { z: any('N', 5), t: labels(5, 'N') },
    y: (b) => lossOf(b, 'ce', 'z', 't'),
  },
  {
    name: 'SoftmaxCrossEntropyLoss, weighted behind',
    inputs: { z: any('N', 5), t: labels(5, 'N') },
    y: (b) => b.op('Exp', [lossOf(b, 'ce', 'z', 't')]),
  },
  // The best of the others is 0.1 ahead of the next.
  {
    name: 'margin',
    inputs: { z: apart('N', 5), t: labels(5, 'N') },
    y: (b) => lossOf(b, 'margin', 'z', 't'),
  },

  ...(['mean', 'sum', 'none'] as const).map(
    (reduction): Case => ({
      name: `SoftmaxCrossEntropyLoss of pixels, ${reduction}, weighted, one class ignored`,
      inputs: { z: any('N', 5, 3), t: labels(5, 'N', 3) },
      y: (b) =>
        b.op('SoftmaxCrossEntropyLoss', ['z', 't', b.floats([1, 0.5, 2, 1, 3])], {
          reduction,
          ignore_index: 2,
        }),
    }),
  ),
  {
    name: 'LayerNormalization',
    inputs: { x: any('N', 2, 5) },
    weights: { gamma: any(5), beta: any(5) },
    y: (b) => b.op('LayerNormalization', ['x', 'gamma', 'beta'], { epsilon: float(0.1) }),
  },
  {
    name: 'LayerNormalization from axis 1, without a bias',
    inputs: { x: any('N', 2, 5) },
    weights: { gamma: any(2, 5) },
    y: (b) => b.op('LayerNormalization', ['x', 'gamma'], { axis: 1, epsilon: float(0.1) }),
  },
  {
    name: 'InstanceNormalization',
    inputs: { x: any('N', 3, 4, 2) },
    weights: { gamma: any(3), beta: any(3) },
    y: (b) => b.op('InstanceNormalization', ['x', 'gamma', 'beta'], { epsilon: float(0.1) }),
  },

  norm('in inference', any('N', 3, 4, 2), false),
  norm('in inference, [N, C]', any('N', 3), false),
  norm('in training', any('N', 3, 4, 2), true),
  norm('in training, [N, C]', any(4, 3), true),
  norm('in training, [N, C, L]', any('N', 3, 5), true),
];
