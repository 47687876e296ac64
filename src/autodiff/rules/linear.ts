import { floatOf, intOf, stringOf, type Value } from '../../graph/index.ts';
import { type Rule, refuse, type Tape } from '../tape.ts';

/** y = α·A′B′ + β·C with A′ = A or Aᵀ: dA′ = α·g·B′ᵀ, dB′ = α·A′ᵀ·g, dC = β·g summed to C's shape. */
export const Gemm: Rule = (t, node, [g]) => {
  const [a, b, c] = node.inputs as [Value, Value, Value];
  const transA = intOf(node, 'transA', 0);
  const transB = intOf(node, 'transB', 0);
  const alpha = { type: 'float', value: floatOf(node, 'alpha', 1) } as const;
  const product = (x: Value, y: Value, tx: number, ty: number) =>
    t.b.op('Gemm', [x, y], { transA: tx, transB: ty, alpha });
  return t.each(
    node,
    () => (transA ? product(b, g!, transB, 1) : product(g!, b, 0, 1 - transB)),
    () => (transB ? product(g!, a, 1, transA) : product(a, g!, 1 - transA, 0)),
    () => t.unbroadcast(t.mul(g!, floatOf(node, 'beta', 1)), c),
  );
};

const lastTwoSwapped = (t: Tape, v: Value): Value => {
  const rank = t.shape(v).length;
  const perm = Array.from({ length: rank }, (_, i) => i);
  return t.b.transpose(v, [...perm.slice(0, -2), rank - 1, rank - 2]);
};

/** y = AB: dA = g·Bᵀ, dB = Aᵀ·g, batch axes summed where they were broadcast. */
export const MatMul: Rule = (t, node, [g]) => {
  const [a, b] = node.inputs as [Value, Value];
  const ranks = [a, b].map((v) => t.shape(v).length);
  if (ranks.includes(1)) throw refuse(node, 'multiplies a vector', 'write it with matrices');
  return t.each(
    node,
    () => t.unbroadcast(t.b.op('MatMul', [g!, lastTwoSwapped(t, b)]), a),
    () => {
      if (ranks[1] !== 2 || ranks[0] === 2)
        return t.unbroadcast(t.b.op('MatMul', [lastTwoSwapped(t, a), g!]), b);
      // One product over all leading axes, instead of many and a sum.
      const [k, n] = t.shape(b) as number[];
      return t.b.op('Gemm', [t.b.reshape(a, [-1, k!]), t.b.reshape(g!, [-1, n!])], { transA: 1 });
    },
  );
};

/** ℓ = −log softmax(z)_y per sample: dz = g·(softmax(z) − onehot(y)), in one piece for its accuracy. */
export const SoftmaxCrossEntropyLoss: Rule = (t, node, [g, gLogProbabilities]) => {
  const [scores, labels, weights] = node.inputs as [Value, Value, Value?];
  const classes = t.shape(scores)[1];
  if (gLogProbabilities) throw refuse(node, 'has its second output used', 'use LogSoftmax for it');
  if (
    stringOf(node, 'reduction', 'mean') !== 'none' ||
    weights ||
    t.shape(scores).length !== 2 ||
    typeof classes !== 'number'
  )
    throw refuse(node, 'is reduced, weighted or spatial', 'use one loss per sample, reduction "none"');
  if (node.attributes.has('ignore_index')) throw refuse(node, 'has ignore_index');
  return t.each(node, () => {
    const onehot = t.b.op('OneHot', [labels, t.b.ints([classes]), t.b.floats([0, 1])], { axis: 1 });
    const error = t.b.op('Sub', [t.b.op('Softmax', [scores], { axis: 1 }), onehot]);
    return t.mul(error, t.b.op('Unsqueeze', [g!, t.b.ints([1])]));
  });
};
