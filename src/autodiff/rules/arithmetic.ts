import type { Value } from '../../graph/index.ts';
import { type Rule, refuse } from '../tape.ts';

/** d(a + b) = 1, 1 */
export const Add: Rule = (t, node, [g]) =>
  node.inputs.map((v, i) => (t.needs(node, i) ? t.unbroadcast(g!, v) : undefined));

/** d(a − b) = 1, −1 */
export const Sub: Rule = (t, node, [g]) =>
  t.each(
    node,
    () => t.unbroadcast(g!, node.inputs[0]!),
    () => t.unbroadcast(t.neg(g!), node.inputs[1]!),
  );

/** d(ab) = b, a */
export const Mul: Rule = (t, node, [g]) => {
  const [a, b] = node.inputs as [Value, Value];
  return t.each(
    node,
    () => t.unbroadcast(t.mul(g!, b), a),
    () => t.unbroadcast(t.mul(g!, a), b),
  );
};

/** d(a/b) = 1/b, −y/b */
export const Div: Rule = (t, node, [g]) => {
  const [a, b] = node.inputs as [Value, Value];
  const scaled = t.b.op('Div', [g!, b]);
  return t.each(
    node,
    () => t.unbroadcast(scaled, a),
    () => t.unbroadcast(t.neg(t.mul(scaled, node.outputs[0]!)), b),
  );
};

/** d(aᵖ) = p·aᵖ⁻¹ for a constant exponent */
export const Pow: Rule = (t, node, [g]) => {
  const [a, exponent] = node.inputs as [Value, Value];
  if (t.needs(node, 1)) throw refuse(node, 'has an exponent that depends on the input');
  // An exponent may be an integer.
  const p = t.type(exponent).dtype === 'float32' ? exponent : t.b.op('Cast', [exponent], { to: 1 });
  const lower = t.b.op('Pow', [a, t.b.op('Sub', [p, t.b.scalar(1)])]);
  return t.each(node, () => t.unbroadcast(t.mul(g!, t.mul(lower, p)), a));
};

/** Where(c, a, b): each side gets the gradient where it was taken. */
export const Where: Rule = (t, node, [g]) => {
  const [c, a, b] = node.inputs as [Value, Value, Value];
  const zero = t.b.scalar(0);
  return t.each(
    node,
    () => undefined,
    () => t.unbroadcast(t.b.op('Where', [c, g!, zero]), a),
    () => t.unbroadcast(t.b.op('Where', [c, zero, g!]), b),
  );
};
