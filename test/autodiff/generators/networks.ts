import { float, type GraphBuilder, int64, type Value } from '../../../src/graph/index.ts';
import { any, between, type Spec } from '../check.ts';
import type { Sample } from './sample.ts';

type Weights = Readonly<Record<string, Spec>>;

const network = (label: string, x: Spec, weights: Weights, y: Sample['y']): Sample => ({
  label,
  inputs: { x },
  weights,
  y,
});

/** Two heads of attention over four patches and a class token, and a hidden layer: a vision transformer of one block. */
const transformer = (b: GraphBuilder): Value => {
  const cls = b.op('Expand', [
    'token',
    b.op('Concat', [b.op('Shape', ['x'], { end: 1 }), b.ints([1, 4])], { axis: 0 }),
  ]);
  const embedded = b.op('Add', [
    b.op('Concat', [cls, b.op('MatMul', ['x', 'patch'])], { axis: 1 }),
    'position',
  ]);
  const norm = (v: Value) => b.op('LayerNormalization', [v, 'gamma', 'beta'], { epsilon: float(0.1) });
  const heads = (v: Value) => b.op('Transpose', [b.reshape(v, [0, 5, 2, 2])], { perm: [0, 2, 1, 3] });
  const [q, k, v] = b.ops('Split', [b.op('MatMul', [norm(embedded), 'qkv'])], { axis: 2, num_outputs: 3 }, 3);
  const scores = b.op('Einsum', [heads(q!), heads(k!)], { equation: 'bhqd,bhkd->bhqk' });
  const mixed = b.op('MatMul', [b.op('Softmax', [scores]), heads(v!)]);
  const joined = b.reshape(b.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }), [0, 5, 4]);
  const attended = b.op('Add', [embedded, joined]);
  const hidden = b.op('Gelu', [b.op('MatMul', [norm(attended), 'up'])]);
  const out = b.op('Add', [attended, b.op('MatMul', [hidden, 'down'])]);
  return b.op('Gather', [norm(out), b.constant(int64([0], []))], { axis: 1 });
};

/** Depthwise with stride 2, a squeeze-and-excitation gate, SiLU, a shortcut that is resampled. */
const mobile = (b: GraphBuilder): Value => {
  const silu = (v: Value) => b.op('Mul', [v, b.op('Sigmoid', [v])]);
  const wide = silu(b.op('Conv', ['x', 'expand']));
  const deep = silu(b.op('Conv', [wide, 'depthwise'], { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }));
  const gate = b.op('Sigmoid', [b.op('Conv', [b.op('GlobalAveragePool', [deep]), 'squeeze'])]);
  const out = b.op('Conv', [b.op('Mul', [deep, gate]), 'project']);
  const large = b.op('Resize', [out, '', b.floats([1, 1, 2, 2])], { mode: 'linear' });
  return b.op('ReduceMean', [b.op('Mul', [b.op('Add', ['x', large]), 'x']), b.ints([2, 3])], { keepdims: 0 });
};

/** A dense block, normalised per instance, pooled by averages, with a log-softmax at its end. */
const dense = (b: GraphBuilder): Value => {
  const pads = [1, 1, 1, 1];
  const first = b.op('Softplus', [b.op('Conv', ['x', 'first'], { pads })]);
  const both = b.op('Concat', ['x', first], { axis: 1 });
  const normal = b.op('InstanceNormalization', [both, 'gamma', 'beta'], { epsilon: float(0.1) });
  const second = b.op('Erf', [b.op('Conv', [normal, 'second'], { strides: [2, 2], pads })]);
  const pooled = b.op('AveragePool', [second], { kernel_shape: [2, 2], ceil_mode: 1, strides: [2, 2] });
  const logits = b.op('Gemm', [b.op('Flatten', [pooled]), 'head'], { transB: 1 });
  return b.op('LogSoftmax', [logits]);
};

/** Small networks that are smooth everywhere. */
export const networks: readonly Sample[] = [
  network(
    'a transformer',
    any('N', 4, 6),
    {
      patch: any(6, 4),
      token: any(1, 1, 4),
      position: any(1, 5, 4),
      gamma: between(0.5, 1.5, 4),
      beta: any(4),
      qkv: any(4, 12),
      up: any(4, 6),
      down: any(6, 4),
    },
    transformer,
  ),
  network(
    'a mobile block',
    any('N', 2, 6, 6),
    {
      expand: any(4, 2, 1, 1),
      depthwise: any(4, 1, 3, 3),
      squeeze: any(4, 4, 1, 1),
      project: any(2, 4, 1, 1),
    },
    mobile,
  ),
  network(
    'a dense block',
    any('N', 2, 5, 5),
    {
      first: any(2, 2, 3, 3),
      gamma: between(0.5, 1.5, 4),
      beta: any(4),
      second: any(3, 4, 3, 3),
      head: any(3, 12),
    },
    dense,
  ),
];
