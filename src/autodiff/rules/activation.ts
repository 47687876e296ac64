import { floatOf, type Value } from '../../graph/index.ts';
import { type Rule, refuse, type Tape } from '../tape.ts';

const x = (inputs: readonly string[]): Value => inputs[0]!;
const y = (outputs: readonly string[]): Value => outputs[0]!;

/** 1 where the comparison of two values holds, else 0. */
const indicator = (t: Tape, op: 'Greater' | 'Less', a: Value, b: Value): Value =>
  t.b.op('Cast', [t.b.op(op, [a, b])], { to: 1 });

/** d relu(x) = 1[y > 0], read off the output, which stays in the blocked layout. */
export const Relu: Rule = (t, node, [g]) => [t.mul(t.positive(y(node.outputs)), g!)];

/** d leaky(x) = α + (1 − α)·1[x > 0] */
export const LeakyRelu: Rule = (t, node, [g]) => {
  const alpha = floatOf(node, 'alpha', 0.01);
  const rising = indicator(t, 'Greater', x(node.inputs), t.b.scalar(0));
  return [t.mul(t.add(t.mul(rising, 1 - alpha), t.b.scalar(alpha)), g!)];
};

/** Inside (low, high) the gradient passes; PyTorch's clamp lets it pass on the bounds, too, and so do we. */
export const Clip: Rule = (t, node, [g]) => {
  const [value, low, high] = node.inputs as [Value, Value?, Value?];
  let mask: Value | undefined;
  for (const [op, bound] of [
    ['Less', low],
    ['Greater', high],
  ] as const) {
    if (!bound) continue;
    const inside = t.b.op('Sub', [t.b.scalar(1), indicator(t, op, value, bound)]);
    mask = mask ? t.mul(mask, inside) : inside;
  }
  if (t.needs(node, 1) || t.needs(node, 2)) throw refuse(node, 'has bounds that depend on the input');
  return [mask ? t.mul(mask, g!) : g!];
};

/** y = max(0, min(1, αx + β)): α strictly inside. */
export const HardSigmoid: Rule = (t, node, [g]) => {
  const out = y(node.outputs);
  const inside = t.mul(indicator(t, 'Greater', out, t.b.scalar(0)), indicator(t, 'Less', out, t.b.scalar(1)));
  return [t.mul(t.mul(inside, floatOf(node, 'alpha', 0.2)), g!)];
};

/** dσ = y(1 − y) */
export const Sigmoid: Rule = (t, node, [g]) => {
  const out = y(node.outputs);
  return [t.mul(t.mul(out, t.b.op('Sub', [t.b.scalar(1), out])), g!)];
};

/** d tanh = 1 − y² */
export const Tanh: Rule = (t, node, [g]) => {
  const out = y(node.outputs);
  return [t.mul(t.b.op('Sub', [t.b.scalar(1), t.mul(out, out)]), g!)];
};

/** d eˣ = y */
export const Exp: Rule = (t, node, [g]) => [t.mul(y(node.outputs), g!)];

/** d log x = 1/x */
export const Log: Rule = (t, node, [g]) => [t.b.op('Div', [g!, x(node.inputs)])];

/** d √x = 1/(2y) */
export const Sqrt: Rule = (t, node, [g]) => [t.b.op('Div', [t.mul(g!, 0.5), y(node.outputs)])];

/** d|x| = sign x, 0 at 0 */
export const Abs: Rule = (t, node, [g]) => [t.mul(t.b.op('Sign', [x(node.inputs)]), g!)];

/** d(−x) = −1 */
export const Neg: Rule = (t, _node, [g]) => [t.neg(g!)];
