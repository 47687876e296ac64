import { float, floatOf, stringOf, type Value } from '../../graph/index.ts';
import { type Rule, STEEP, type Tape } from '../tape.ts';

/** d relu(x) = 1[y > 0], read off the output, which stays in the blocked layout. */
export const Relu: Rule = (t, node, [g]) => [t.mul(t.positive(node.outputs[0]!), g!)];

/** d leaky(x) = 1 above 0, α below */
export const LeakyRelu: Rule = (t, node, [g]) => [
  t.mul(t.levels(t.positive(node.inputs[0]!), floatOf(node, 'alpha', 0.01), 1), g!),
];

/** d prelu(x; s) = 1[x > 0] + s·1[x ≤ 0], x·1[x ≤ 0] */
export const PRelu: Rule = (t, node, [g]) => {
  const [x, slope] = node.inputs as [Value, Value];
  const rising = t.positive(x);
  const falling = t.levels(rising, 1, 0);
  return t.each(
    node,
    () => t.mul(g!, t.add(rising, t.mul(falling, slope))),
    () => t.unbroadcast(t.mul(g!, t.mul(falling, x)), slope),
  );
};

/** Beyond this bound, times the slope of a step, float32 would overflow. */
const LARGEST_BOUND = 2 ** 20;

/** 1 where x is beyond a bound. ReLU6's and its like stay in the blocked layout (measured: 29.6 against 20.1 ms). */
function beyond(t: Tape, x: Value, side: 'Less' | 'Greater', bound: Value): Value {
  const constant = t.constant(bound)?.data;
  const at = constant?.length === 1 ? Number(constant[0]) : Number.NaN;
  if (!(Math.abs(at) <= LARGEST_BOUND)) return t.indicator(side, x, bound);
  return side === 'Less' ? t.positive(x, -1, at) : t.positive(x, 1, -at);
}

/**
 * Inside [low, high] the gradient passes to x, outside to the bound. PyTorch's clamp lets it pass to x on the bounds, too,
 * and so do we.
 */
export const Clip: Rule = (t, node, [g]) => {
  const [x, low, high] = node.inputs as [Value, Value?, Value?];
  const below = low ? beyond(t, x, 'Less', low) : undefined;
  const above = high ? beyond(t, x, 'Greater', high) : undefined;
  const outside = below && above ? t.add(below, above) : (below ?? above);
  return t.each(
    node,
    () => (outside ? t.mul(t.levels(outside, 1, 0), g!) : g!),
    () => below && t.unbroadcast(t.mul(below, g!), low!),
    () => above && t.unbroadcast(t.mul(above, g!), high!),
  );
};

/** y = max(0, min(1, αx + β)): α strictly inside. A slope of 2¹⁰⁰ is how rules write a step, whose derivative is 0. */
export const HardSigmoid: Rule = (t, node, [g]) => {
  const y = node.outputs[0]!;
  const alpha = floatOf(node, 'alpha', 0.2);
  if (Math.abs(alpha) >= STEEP) return [undefined];
  const inside = t.mul(t.positive(y), t.positive(y, -1, 1));
  return [t.mul(t.levels(inside, 0, alpha), g!)];
};

/** dσ = y(1 − y), of which 1 − y is a HardSigmoid, too: SiLU networks stay in the blocked layout. */
export const Sigmoid: Rule = (t, node, [g]) => {
  const y = node.outputs[0]!;
  return [t.mul(t.mul(y, t.levels(y, 1, 0)), g!)];
};

/** d tanh = 1 − y² */
export const Tanh: Rule = (t, node, [g]) => {
  const y = node.outputs[0]!;
  return [t.mul(t.sub(1, t.mul(y, y)), g!)];
};

/** y = αeˣ − α below 0: there dy = y + α; above, `slope`. */
function exponentialBelow(t: Tape, x: Value, y: Value, g: Value, slope: number, alpha: number): Value {
  const falling = t.add(y, t.b.scalar(alpha));
  return t.mul(t.where(t.b.op('Greater', [x, t.b.scalar(0)]), slope, falling), g);
}

/** y = x above 0, α(eˣ − 1) below */
export const Elu: Rule = (t, node, [g]) => [
  exponentialBelow(t, node.inputs[0]!, node.outputs[0]!, g!, 1, floatOf(node, 'alpha', 1)),
];

/** y = γx above 0, γα(eˣ − 1) below */
export const Selu: Rule = (t, node, [g]) => {
  const gamma = floatOf(node, 'gamma', 1.0507009873554805);
  const alpha = floatOf(node, 'alpha', 1.6732632423543772);
  return [exponentialBelow(t, node.inputs[0]!, node.outputs[0]!, g!, gamma, gamma * alpha)];
};

/** d log(1 + eˣ) = σ(x) */
export const Softplus: Rule = (t, node, [g]) => [t.mul(t.b.op('Sigmoid', [node.inputs[0]!]), g!)];

/**
 * y = xΦ(x): dy = Φ(x) + xφ(x). The tanh form, y = ½x(1 + τ) with τ = tanh u, u = c(x + ax³), c = √(2/π), a = 0.044715:
 * dy = ½(1 + τ) + ½x(1 − τ²)·c(1 + 3ax²).
 */
export const Gelu: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  if (stringOf(node, 'approximate', 'none') === 'tanh') {
    const square = t.mul(x, x);
    const one = t.b.scalar(1);
    const [c, a] = [Math.sqrt(2 / Math.PI), 0.044715];
    const u = t.mul(x, t.add(t.mul(square, c * a), t.b.scalar(c)));
    const tau = t.b.op('Tanh', [u]);
    const du = t.add(t.mul(square, 3 * a * c), t.b.scalar(c));
    const rise = t.mul(t.mul(x, t.sub(1, t.mul(tau, tau))), du);
    return [t.mul(t.mul(t.add(t.add(tau, one), rise), 0.5), g!)];
  }
  // With a = x/√2: Φ = ½ + ½·erf a, and x·φ = a·exp(ln(1/√π) − a²): nine passes over memory, where eleven are spelled out.
  const a = t.mul(x, Math.SQRT1_2);
  const half = float(0.5);
  const Phi = t.b.op('HardSigmoid', [t.b.op('Erf', [a])], { alpha: half, beta: half });
  const phi = t.b.op('Exp', [t.sub(-0.5 * Math.log(Math.PI), t.mul(a, a))]);
  return [t.mul(t.add(Phi, t.mul(a, phi)), g!)];
};
