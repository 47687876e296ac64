import { kthLargest } from './projections/index.ts';

/** The share of the pixels that a step moves: Tramèr and Boneh's 99th percentile. */
const SHARE = 0.01;

/**
 * Adds a step of steepest ascent of length ‖d‖₁ = `length` to row `from` of x, in place.
 *
 * Under L1 the steepest direction is the one pixel with the largest |g|, and a step of one pixel is hardly a step. So,
 * as in Tramèr and Boneh, "Adversarial Training and Robustness for Multiple Perturbations", arXiv:1904.13000, §3.2, the length is
 * shared evenly by the 1 % of the pixels with the largest |g|. Here a pixel that meets its wall takes no more than its room,
 * and the next largest take the rest. For d ≤ 100 this is the maximiser of g·d.
 */
export type L1Step = (x: Float32Array, gradient: Float32Array, from: number, length: number) => void;

/** @param size elements per row */
export function l1Step(size: number): L1Step {
  const steepness = new Float32Array(size);
  const scratch = new Float32Array(size);
  return (x, gradient, from, length) => {
    let free = 0;
    for (let i = 0; i < size; i++) {
      const g = gradient[from + i]!;
      const v = x[from + i]!;
      steepness[i] = (g > 0 && v < 1) || (g < 0 && v > 0) ? Math.abs(g) : 0;
      if (steepness[i]! > 0) free += 1;
    }
    const share = length / Math.max(1, Math.min(free, Math.ceil(SHARE * size)));

    let left = length;
    for (let limit = Number.POSITIVE_INFINITY; left > length * 1e-6 && free > 0; ) {
      // Those as steep as `limit` have moved. As many move now as the length surely suffices for; what walls leave of it is
      // for the next round.
      const count = Math.min(free, Math.max(1, Math.floor(left / share)));
      let below = 0;
      for (let i = 0; i < size; i++)
        if (steepness[i]! > 0 && steepness[i]! < limit) scratch[below++] = steepness[i]!;
      const next = kthLargest(scratch, below, count);
      for (let i = 0; i < size; i++) {
        const s = steepness[i]!;
        if (s < next || s >= limit || s === 0) continue;
        const up = gradient[from + i]! > 0;
        const v = x[from + i]!;
        const move = Math.min(up ? 1 - v : v, share, left);
        x[from + i] = up ? v + move : v - move;
        left -= move;
        free -= 1;
      }
      limit = next;
    }
  };
}
