import { erf, mapped } from './elementwise.ts';
import type { Call, Kernel } from './kernel.ts';

/** Scalar activation functions, shared by the operators of the same name, the recurrent and the fused ones. */
export const sigmoid = (x: number): number =>
  x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
export const relu = (x: number): number => Math.max(x, 0);
export const leakyRelu = (x: number, alpha: number): number => (x < 0 ? alpha * x : x);
export const elu = (x: number, alpha: number): number => (x < 0 ? alpha * Math.expm1(x) : x);
export const hardSigmoid = (x: number, alpha: number, beta: number): number =>
  Math.min(Math.max(alpha * x + beta, 0), 1);
export const softsign = (x: number): number => x / (1 + Math.abs(x));
export const thresholdedRelu = (x: number, alpha: number): number => (x > alpha ? x : 0);

/** x·Φ(x) */
export const gelu = (x: number): number => 0.5 * x * (1 + erf(x * Math.SQRT1_2));
/** ½x(1 + tanh(√(2/π)(x + 0.044715x³))) */
export const geluTanh = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** An activation whose parameters are attributes, read once. */
const activation =
  (make: (c: Call) => (x: number) => number): Kernel =>
  (c) => [mapped(c, c.input(0), make(c))];

export const Relu = activation(() => relu);
export const Sigmoid = activation(() => sigmoid);
export const Softplus = activation(() => softplus);
export const Softsign = activation(() => softsign);
export const Mish = activation(() => (x) => x * Math.tanh(softplus(x)));
export const HardSwish = activation(() => (x) => x * hardSigmoid(x, 1 / 6, 0.5));

export const Elu = activation((c) => {
  const alpha = c.float('alpha', 1);
  return (x) => elu(x, alpha);
});

/** max(0, x) + min(0, α(e^(x/α) − 1)) */
export const Celu = activation((c) => {
  const alpha = c.float('alpha', 1);
  return (x) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha));
});

export const Selu = activation((c) => {
  const alpha = c.float('alpha', 1.6732631921768188);
  const gamma = c.float('gamma', 1.0507010221481323);
  return (x) => gamma * elu(x, alpha);
});

export const LeakyRelu = activation((c) => {
  const alpha = c.float('alpha', 0.01);
  return (x) => leakyRelu(x, alpha);
});

export const ThresholdedRelu = activation((c) => {
  const alpha = c.float('alpha', 1);
  return (x) => thresholdedRelu(x, alpha);
});

export const HardSigmoid = activation((c) => {
  const [alpha, beta] = [c.float('alpha', 0.2), c.float('beta', 0.5)];
  return (x) => hardSigmoid(x, alpha, beta);
});

export const Gelu = activation((c) => (c.string('approximate', 'none') === 'tanh' ? geluTanh : gelu));

/** x·σ(αx) */
export const Swish = activation((c) => {
  const alpha = c.float('alpha', 1);
  return (x) => x * sigmoid(alpha * x);
});

/** Towards zero by `bias` outside ±λ, zero within. */
export const Shrink = activation((c) => {
  const [lambda, bias] = [c.float('lambd', 0.5), c.float('bias', 0)];
  return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0);
});
