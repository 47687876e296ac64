/** The linear softmax model in float64, and the papers' losses of it: what an engine's runs are compared with. */
import type { Graph } from '../../src/graph/index.ts';
import type { MethodOptions } from '../../src/train/index.ts';
import { SIZE } from './linear.ts';

export interface Parameters {
  readonly w: number[];
  readonly b: number[];
}

export const parametersOf = ({ initializers }: Graph): Parameters => ({
  w: Array.from(initializers.get('w')!.data as Float32Array),
  b: Array.from(initializers.get('b')!.data as Float32Array),
});

export const logSoftmax = ({ w, b }: Parameters, image: readonly number[]): number[] => {
  const z = b.map((v, k) => v + image.reduce((s, p, i) => s + p * w[k * SIZE + i]!, 0));
  const top = Math.max(...z);
  const sum = Math.log(z.reduce((s, v) => s + Math.exp(v - top), 0)) + top;
  return z.map((v) => v - sum);
};

/** KL(p ‖ q) of log-probabilities. */
const kl = (p: readonly number[], q: readonly number[]) =>
  p.reduce((s, v, k) => s + Math.exp(v) * (v - q[k]!), 0);

/** The papers' losses of one sample, from log-probabilities of x and x′. */
export const papers = {
  ce: (_p: number[], q: number[], label: number) => -q[label]!,
  trades: (p: number[], q: number[], label: number, { beta }: MethodOptions) => -p[label]! + beta * kl(p, q),
  mart(p: number[], q: number[], label: number, { lambda }: MethodOptions) {
    const rival = Math.max(...q.filter((_, k) => k !== label));
    const boosted = -q[label]! - Math.log(1.0001 - Math.exp(rival)); // 1.0001: the authors' code
    return boosted + lambda * kl(p, q) * (1 - Math.exp(p[label]!));
  },
} as const;

/** ∂loss/∂v of each of the values, by central differences. The values are as they were, afterwards. */
export function slopesOf(values: number[], loss: () => number): number[] {
  const h = 1e-5;
  return values.map((was, i) => {
    values[i] = was + h;
    const above = loss();
    values[i] = was - h;
    const below = loss();
    values[i] = was;
    return (above - below) / (2 * h);
  });
}
