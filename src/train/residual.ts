/**
 * R(x, δ), eq. (4) of H. Gong, "Reducing Adversarial Training Cost with Gradient Approximation", arXiv:2309.09464: how far
 * the loss at x + δ is from what its approximation says.
 */
import { forEachImage, type Images } from '../eval/index.ts';
import { meanOf } from './method.ts';

/** ℓ(x) + δᵀJ + ½δᵀHδ per sample, H = JᵀJ as in the paper whatever the steps were taken with: δᵀHδ = (J·δ)². */
export function taylor(
  x: Images,
  adversarial: Float32Array,
  J: Float32Array,
  loss: Float32Array,
): Float32Array {
  const out = new Float32Array(loss.length);
  forEachImage(x, (n, from, to) => {
    let product = 0;
    for (let i = from; i < to; i++) product += J[i]! * (adversarial[i]! - x.data[i]!);
    out[n] = loss[n]! + product + 0.5 * product ** 2;
  });
  return out;
}

/** The cross-entropy, not smoothed, or the margin loss of logits `[N, K]`, per sample. */
export function lossOf(
  logits: Float32Array,
  y: ArrayLike<number>,
  classes: number,
  kind: 'ce' | 'margin',
): Float32Array {
  return Float32Array.from({ length: logits.length / classes }, (_, n) => {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const own = row[y[n]!]!;
    const others = row.filter((_, k) => k !== y[n]);
    const top = Math.max(...others);
    if (kind === 'margin') return top - own;
    const most = Math.max(top, own);
    return Math.log(row.reduce((sum, z) => sum + Math.exp(z - most), 0)) + most - own;
  });
}

/** Mean |actual − predicted| over the samples that there is an actual loss of, the first ones. */
export const meanResidual = (actual: Float32Array, predicted: Float32Array): number =>
  meanOf(actual.map((loss, n) => Math.abs(loss - predicted[n]!)));
