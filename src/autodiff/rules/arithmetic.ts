import { isFloat, type Value } from '../../graph/index.ts';
import type { Rule, Tape } from '../tape.ts';

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
  const scaled = t.div(g!, b);
  return t.each(
    node,
    () => t.unbroadcast(scaled, a),
    () => t.unbroadcast(t.neg(t.mul(scaled, node.outputs[0]!)), b),
  );
};

/** y = a − b·n with a whole number n: d = 1, −n, and −n = (y − a)/b, whose own derivative is 0 as it should be. */
export const Mod: Rule = (t, node, [g]) => {
  const [a, b] = node.inputs as [Value, Value];
  return t.each(
    node,
    () => t.unbroadcast(g!, a),
    () => t.unbroadcast(t.mul(g!, t.div(t.sub(node.outputs[0]!, a), b)), b),
  );
};

/** d(aᵖ) = p·aᵖ⁻¹ (0 where p = 0), aᵖ·log a (0 where a ≤ 0) */
export const Pow: Rule = (t, node, [g]) => {
  const [a, exponent] = node.inputs as [Value, Value];
  return t.each(
    node,
    () => t.unbroadcast(t.mul(g!, powerBelow(t, a, exponent)), a),
    () => {
      const positive = t.b.op('Greater', [a, t.b.scalar(0)]);
      const log = t.b.op('Log', [t.where(positive, a, 1)]);
      return t.unbroadcast(t.mul(g!, t.mul(node.outputs[0]!, log)), exponent);
    },
  );
};

/** p·aᵖ⁻¹ */
function powerBelow(t: Tape, a: Value, exponent: Value): Value {
  const constant = t.constant(exponent);
  if (constant && constant.data.length === 1) {
    const p = Number(constant.data[0]);
    if (p === 2) return t.mul(a, 2);
    if (p !== 0) return t.mul(t.b.op('Pow', [a, t.b.scalar(p - 1)]), p);
  }
  const p = isFloat(t.type(exponent).dtype) ? exponent : t.b.op('Cast', [exponent], { to: 1 });
  const lower = t.where(t.b.op('Equal', [p, t.b.scalar(0)]), 1, t.sub(p, t.b.scalar(1)));
  return t.mul(t.b.op('Pow', [a, lower]), p);
}

/** Where(c, a, b): each side gets the gradient where it was taken. */
export const Where: Rule = (t, node, [g]) => {
  const [c, a, b] = node.inputs as [Value, Value, Value];
  return t.each(
    node,
    () => undefined,
    () => t.unbroadcast(t.where(c, g!, 0), a),
    () => t.unbroadcast(t.where(c, 0, g!), b),
  );
};

/** y = max or min of the inputs: g to those that are y, shared evenly among ties. */
export const Extreme: Rule = (t, node, [g]) => {
  const { inputs } = node;
  if (inputs.length === 1) return [g];
  const wins = inputs.map((v) => t.indicator('Equal', v, node.outputs[0]!));
  const share = t.div(
    g!,
    wins.reduce((a, b) => t.add(a, b)),
  );
  return inputs.map((v, i) => (t.needs(node, i) ? t.unbroadcast(t.mul(wins[i]!, share), v) : undefined));
};
