import { floatOf, intOf, type Value } from '../../graph/index.ts';
import { lastTwoSwapped, type Rule, type Tape } from '../tape.ts';

/** y = α·A′B′ + β·C with A′ = A or Aᵀ: dA′ = α·g·B′ᵀ, dB′ = α·A′ᵀ·g, dC = β·g summed to C's shape. */
export const Gemm: Rule = (t, node, [g]) => {
  const [a, b, c] = node.inputs as [Value, Value, Value];
  const transA = intOf(node, 'transA', 0) ? 1 : 0;
  const transB = intOf(node, 'transB', 0) ? 1 : 0;
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

/** y = AB: dA = g·Bᵀ, dB = Aᵀ·g, batch axes summed where they were broadcast. A vector is a row, or a column. */
export const MatMul: Rule = (t, node, [g]) => {
  const [left, right] = node.inputs as [Value, Value];
  const vectors = [left, right].map((v) => t.shape(v).length === 1);
  const raise = (v: Value, axis: number, when: boolean) =>
    when ? t.b.op('Unsqueeze', [v, t.b.ints([axis])]) : v;
  const a = raise(left, 0, vectors[0]!);
  const b = raise(right, 1, vectors[1]!);
  const error = raise(raise(g!, -1, vectors[1]!), -2, vectors[0]!);
  return t.each(
    node,
    () => t.b.reshapeLike(t.unbroadcast(t.b.op('MatMul', [error, lastTwoSwapped(t, b)]), a), left),
    () => t.b.reshapeLike(productOver(t, a, b, error), right),
  );
};

/** Aᵀ·g as B is shaped. */
function productOver(t: Tape, a: Value, b: Value, g: Value): Value {
  const [k, n] = t.shape(b);
  const flat = t.shape(b).length === 2 && t.shape(a).length > 2;
  if (!flat || typeof k !== 'number' || typeof n !== 'number')
    return t.unbroadcast(t.b.op('MatMul', [lastTwoSwapped(t, a), g]), b);
  // One product over all leading axes, instead of many and a sum.
  return t.b.op('Gemm', [t.b.reshape(a, [-1, k]), t.b.reshape(g, [-1, n])], { transA: 1 });
}
