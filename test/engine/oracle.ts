/** Softmax regression in float64, by hand: what every engine's numbers are compared with. */

export interface Linear {
  /** `[K][D]` and `[K]` */
  readonly weight: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

export const logitsOf = (m: Linear, x: readonly number[]): number[] =>
  m.weight.map((row, k) => row.reduce((sum, w, i) => sum + w * x[i]!, m.bias[k]!));

export function softmax(z: readonly number[]): number[] {
  const top = Math.max(...z);
  const e = z.map((v) => Math.exp(v - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

/** −log softmax(z)_y */
export function crossEntropy(z: readonly number[], y: number): number {
  const top = Math.max(...z);
  return top + Math.log(z.reduce((sum, v) => sum + Math.exp(v - top), 0)) - z[y]!;
}

/** ∂ℓ/∂z = softmax(z) − onehot(y) */
export const errorOf = (z: readonly number[], y: number): number[] =>
  softmax(z).map((p, k) => p - (k === y ? 1 : 0));

/** Wᵀe: the gradient by the input. */
export const backThrough = (m: Linear, e: readonly number[]): number[] =>
  m.weight[0]!.map((_, i) => m.weight.reduce((sum, row, k) => sum + row[i]! * e[k]!, 0));

/** The gradient of the mean loss over a batch by W (row by row), then b. */
export function parameterGradient(
  m: Linear,
  batch: readonly (readonly number[])[],
  labels: readonly number[],
): number[] {
  const errors = batch.map((x, n) => errorOf(logitsOf(m, x), labels[n]!));
  const mean = (f: (n: number) => number) => batch.reduce((sum, _, n) => sum + f(n), 0) / batch.length;
  return [
    ...m.weight.flatMap((row, k) => row.map((_, i) => mean((n) => errors[n]![k]! * batch[n]![i]!))),
    ...m.bias.map((_, k) => mean((n) => errors[n]![k]!)),
  ];
}

/** v ← μv + (∇ + λp), p ← p − γv. Returns the new p; changes v in place. */
export const sgd = (
  p: readonly number[],
  v: number[],
  gradient: readonly number[],
  { rate, momentum, weightDecay }: { rate: number; momentum: number; weightDecay: number },
): number[] =>
  p.map((value, i) => {
    v[i] = momentum * v[i]! + gradient[i]! + weightDecay * value;
    return value - rate * v[i];
  });

export const flat = (m: Linear): number[] => [...m.weight.flat(), ...m.bias];

export const unflat = (p: readonly number[], classes: number, inputs: number): Linear => ({
  weight: Array.from({ length: classes }, (_, k) => p.slice(k * inputs, (k + 1) * inputs)),
  bias: p.slice(classes * inputs),
});
