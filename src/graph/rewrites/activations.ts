import { float, floatOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import { floatInput, inputOf, scaledBy, unsupported } from './parts.ts';
import type { Rewrite } from './rewrite.ts';

// α·elu(x/α) = max(0, x) + min(0, α·(exp(x/α) − 1))
export const Celu: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const alpha = floatOf(n, 'alpha', 1);
  if (alpha === 1) return [b.op('Elu', [x])];
  if (alpha === 0) throw unsupported(n, 'alpha is 0', 'another alpha');
  return [b.op('Mul', [b.op('Elu', [b.op('Div', [x, b.scalar(alpha)])]), b.scalar(alpha)])];
};

// x·min(max(x/6 + ½, 0), 1)
export const HardSwish: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  return [b.op('Mul', [x, b.op('HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) })])];
};

// x·tanh(log(1 + eˣ))
export const Mish: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  return [b.op('Mul', [x, b.op('Tanh', [b.op('Softplus', [x])])])];
};

// 1/x
export const Reciprocal: Rewrite = (b, n) => [b.op('Div', [b.scalar(1), floatInput(b, n)])];

export const softsign = (b: GraphBuilder, x: Value): Value =>
  b.op('Div', [x, b.op('Add', [b.op('Abs', [x]), b.scalar(1)])]);

// x/(1 + |x|)
export const Softsign: Rewrite = (b, n) => [softsign(b, floatInput(b, n))];

const swish = (b: GraphBuilder, x: Value, alpha: number): Value =>
  b.op('Mul', [x, b.op('Sigmoid', [scaledBy(b, x, alpha)])]);

// x·σ(α·x)
export const Swish: Rewrite = (b, n) => [swish(b, floatInput(b, n), floatOf(n, 'alpha', 1))];
export const QuickGelu: Rewrite = (b, n) => [swish(b, floatInput(b, n), floatOf(n, 'alpha', 1.702))];

export const thresholdedRelu = (b: GraphBuilder, x: Value, alpha: number): Value =>
  b.op('Where', [b.op('Greater', [x, b.scalar(alpha)]), x, b.scalar(0)]);

// x where x > α, else 0
export const ThresholdedRelu: Rewrite = (b, n) => [
  thresholdedRelu(b, floatInput(b, n), floatOf(n, 'alpha', 1)),
];

// x + bias where x < −λ, x − bias where x > λ, else 0
export const Shrink: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const bias = floatOf(n, 'bias', 0);
  const lambda = floatOf(n, 'lambd', 0.5);
  const [low, high] =
    bias === 0 ? [x, x] : [b.op('Add', [x, b.scalar(bias)]), b.op('Sub', [x, b.scalar(bias)])];
  const above = b.op('Where', [b.op('Greater', [x, b.scalar(lambda)]), high, b.scalar(0)]);
  return [b.op('Where', [b.op('Less', [x, b.scalar(-lambda)]), low, above])];
};

// x·Φ(x), exactly
export const Gelu: Rewrite = (b, n) => [b.op('Gelu', [floatInput(b, n)])];
export const BiasGelu: Rewrite = (b, n) => [b.op('Gelu', [b.op('Add', [floatInput(b, n), inputOf(n, 1)])])];

// ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), of x plus an optional bias
export const FastGelu: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  return [b.op('Gelu', [n.inputs[1] ? b.op('Add', [x, n.inputs[1]]) : x], { approximate: 'tanh' })];
};
