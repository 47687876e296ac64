import type { Ball, Norm } from './threat.ts';

/**
 * Half a unit in the last place of a pixel near 1: what rounding x + δ to float32 can add to a distance. For L2 and L1 it adds up over
 * pixels, at most by √n and n.
 */
const ROUNDING = 2 ** -24;

function toleranceOf(norm: Norm, epsilon: number, size: number): number {
  if (norm === 'linf') return ROUNDING;
  return ROUNDING * (norm === 'l2' ? Math.sqrt(size) : size) + epsilon * 1e-6;
}

/** What the verifier asks: a model that nothing of the attacks' code has touched. */
export interface Oracle {
  /** @param shape [N, C, H, W]; @returns scores `[N, K]` */
  predict(data: Float32Array, shape: readonly number[]): Promise<Float32Array>;
}

export interface Claim {
  /** Clean images, `[N, C, H, W]`. */
  readonly x: Float32Array;
  /** What the attack says are adversarial examples of them. */
  readonly adversarial: Float32Array;
  readonly y: Int32Array;
  readonly shape: readonly number[];
}

export type Reason = 'outside the ball' | 'outside [0, 1]' | 'not finite' | 'not misclassified';

export interface Verification {
  /** Per sample: true where the claim holds. */
  readonly confirmed: readonly boolean[];
  readonly rejected: number;
  readonly reasons: Readonly<Partial<Record<Reason, number>>>;
  /** Largest distance found, in the ball's norm; null where nothing was claimed. */
  readonly maxDistance: number | null;
  /** Allowed above ε; with radii of their own, above the largest. */
  readonly tolerance: number;
  /** Confirmed examples that are classified correctly when they are alone in the batch. */
  readonly batchSizeOneMismatches: number;
}

/**
 * Re-checks what an attack claims, trusting nothing of it: distances in float64 from the images as they are, range, finiteness,
 * and the prediction, by an oracle of its own, in a batch and (where asked) alone.
 *
 * @param ball one radius for all claims, or one for each
 * @param alone also predicts each example by itself
 * @param batchSize how many images the oracle gets at once; 1 for a model that takes no more
 */
export async function verify(
  oracle: Oracle,
  { x, adversarial, y, shape }: Claim,
  ball: Ball,
  { alone = true, batchSize = 256 }: { alone?: boolean; batchSize?: number } = {},
): Promise<Verification> {
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  const { norm, epsilon } = ball;
  const radii = typeof epsilon === 'number' ? Array.from(y, () => epsilon) : Array.from(epsilon);
  const reasons: Partial<Record<Reason, number>> = {};
  const confirmed: boolean[] = [];
  let maxDistance: number | null = null;

  const predicted = await predictAll(oracle, adversarial, shape, batchSize);
  for (let n = 0; n < y.length; n++) {
    const [from, to] = [n * size, (n + 1) * size];
    const reach = radii[n]! + toleranceOf(norm, radii[n]!, size);
    const d = distance(x, adversarial, from, to, norm);
    let reason: Reason | undefined;
    if (Number.isNaN(d)) reason = 'not finite';
    else if (!(d <= reach)) reason = 'outside the ball';
    else if (!inRange(adversarial, from, to)) reason = 'outside [0, 1]';
    else if (predicted[n] === y[n]) reason = 'not misclassified';
    if (!Number.isNaN(d)) maxDistance = Math.max(maxDistance ?? 0, d);
    if (reason) reasons[reason] = (reasons[reason] ?? 0) + 1;
    confirmed.push(reason === undefined);
  }

  let batchSizeOneMismatches = 0;
  if (alone && batchSize > 1) {
    for (const [n, ok] of confirmed.entries()) {
      if (!ok) continue;
      const one = adversarial.subarray(n * size, (n + 1) * size);
      const [label] = await predictAll(oracle, one, [1, ...shape.slice(1)], 1);
      if (label === y[n]) batchSizeOneMismatches += 1;
    }
  }
  const rejected = confirmed.filter((ok) => !ok).length;
  const largest = typeof epsilon === 'number' ? epsilon : radii.reduce((a, b) => Math.max(a, b), 0);
  const tolerance = toleranceOf(norm, largest, size);
  return { confirmed, rejected, reasons, maxDistance, tolerance, batchSizeOneMismatches };
}

/** ‖x′ − x‖ in float64; NaN where a pixel is not finite. */
function distance(x: Float32Array, adversarial: Float32Array, from: number, to: number, norm: Norm): number {
  let [largest, sum, square] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const d = adversarial[i]! - x[i]!;
    if (!Number.isFinite(d)) return Number.NaN;
    largest = Math.max(largest, Math.abs(d));
    sum += Math.abs(d);
    square += d * d;
  }
  return norm === 'linf' ? largest : norm === 'l1' ? sum : Math.sqrt(square);
}

function inRange(values: Float32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!(values[i]! >= 0 && values[i]! <= 1)) return false;
  return true;
}

/** An oracle for a model that takes batches of one size only: smaller ones are filled up with zeros. */
export function padded(oracle: Oracle, size: number): Oracle {
  return {
    async predict(data, shape) {
      const n = shape[0]!;
      const whole = new Float32Array((data.length / n) * size);
      whole.set(data);
      const scores = await oracle.predict(whole, [size, ...shape.slice(1)]);
      return scores.slice(0, (scores.length / size) * n);
    },
  };
}

/** The oracle's labels; its scores may be logits or probabilities. */
export async function predictAll(
  oracle: Oracle,
  data: Float32Array,
  shape: readonly number[],
  batchSize: number,
): Promise<Int32Array> {
  const n = shape[0]!;
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  const labels = new Int32Array(n);
  for (let from = 0; from < n; from += batchSize) {
    const count = Math.min(batchSize, n - from);
    const scores = await oracle.predict(data.subarray(from * size, (from + count) * size), [
      count,
      ...shape.slice(1),
    ]);
    const classes = scores.length / count;
    for (let i = 0; i < count; i++) {
      let best = 0;
      for (let k = 1; k < classes; k++) if (scores[i * classes + k]! > scores[i * classes + best]!) best = k;
      labels[from + i] = best;
    }
  }
  return labels;
}
