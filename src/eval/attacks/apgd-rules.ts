import { type Images, imageSize } from '../images.ts';
import { kthLargest, l1BallProjection } from '../projections/index.ts';
import { at, type Ball, forEachImage, type Norm } from '../threat.ts';

/**
 * What one climb of APGD knows of each survivor: images as rows, `[N, D]`, and numbers, `[N]`. All of one type, so that they
 * can be moved together when samples leave.
 */
export interface Climb {
  /** x⁽ᵏ⁾ */
  x: Float32Array;
  /** x⁽ᵏ⁻¹⁾ */
  previous: Float32Array;
  /** ∇f(x⁽ᵏ⁾) */
  gradient: Float32Array;
  /** x_max, and the gradient there. */
  best: Float32Array;
  bestGradient: Float32Array;
  /** f(x⁽ᵏ⁾) and f(x_max). */
  loss: Float32Array;
  bestLoss: Float32Array;
  /** η */
  stepSize: Float32Array;
  /** Steps since the last checkpoint that raised f. */
  rises: Float32Array;
  /** 1 where the last checkpoint halved η. */
  halved: Float32Array;
  /** f(x_max) at the last checkpoint. */
  bestLossThen: Float32Array;
  /** Of L1: how many pixels a step moves. */
  pixels: Float32Array;
  /** Of L1: pixels of x_max − x at the last checkpoint. */
  support: Float32Array;
}

/** What differs between APGD for L∞ and L2 and its form for L1. */
export interface Rule {
  /** The radii that a run of `steps` goes through, as multiples of ε. */
  stages(steps: number): readonly { readonly radius: number; readonly steps: number }[];
  /** η at first, as a multiple of the radius. */
  readonly firstStep: number;
  /** Sets what it keeps for itself, at the first point of a stage. */
  begin(climb: Climb, clean: Images): void;
  /** Steps to the next checkpoint, of a stage of `steps`. @param before to the last one; none at first */
  window(steps: number, before?: number): number;
  /** x⁽ᵏ⁺¹⁾ in the place of x⁽ᵏ⁾. @param first whether there is no x⁽ᵏ⁻¹⁾ yet */
  step(climb: Climb, clean: Images, ball: Ball, first: boolean): void;
  /** Adapts η, and restarts from x_max where it says so. @param window steps since the last checkpoint */
  checkpoint(climb: Climb, clean: Images, ball: Ball, window: number): void;
}

/** The share of a window's steps that has to raise f for η to stay, ρ. */
const RHO = 0.75;
/** The weight of the new step against the one before, α. */
const ALPHA = 0.75;

/** x⁽ᵏ⁾ ← x_max, with its gradient. */
function restore({ x, gradient, best, bestGradient }: Climb, from: number, to: number): void {
  x.set(best.subarray(from, to), from);
  gradient.set(bestGradient.subarray(from, to), from);
}

/** Alg. 1 of Croce and Hein, 2020. */
const withMomentum: Omit<Rule, 'step'> = {
  stages: (steps) => [{ radius: 1, steps }],
  firstStep: 2,

  begin({ halved, bestLossThen, bestLoss }) {
    halved.fill(1); // condition 2 needs a checkpoint before
    bestLossThen.set(bestLoss);
  },

  // p₁ = 0.22, pⱼ₊₁ = pⱼ + max{pⱼ − pⱼ₋₁ − 0.03, 0.06}, in whole steps as in the authors' code
  window(steps, before) {
    const share = (p: number) => Math.max(Math.floor(p * steps), 1);
    return before === undefined ? share(0.22) : Math.max(before - share(0.03), share(0.06));
  },

  // l. 11–14: conditions 1 and 2 of §3.1
  checkpoint(climb, clean, _ball, window) {
    const { rises, halved, stepSize, bestLoss, bestLossThen } = climb;
    forEachImage(clean, (n, from, to) => {
      const rarely = rises[n]! <= RHO * window;
      const stuck = halved[n] === 0 && bestLossThen[n]! >= bestLoss[n]!;
      rises[n] = 0;
      bestLossThen[n] = bestLoss[n]!;
      halved[n] = rarely || stuck ? 1 : 0;
      if (halved[n] === 0) return;
      stepSize[n] = stepSize[n]! / 2;
      restore(climb, from, to);
    });
  },
};

/** max(t, 0) without a branch: it would be mispredicted every other time, which takes three times as long as all the rest. */
const positive = (t: number): number => (t + Math.abs(t)) / 2;

/** sign v of a float32, from its bits: again without a branch. */
const signOf = (bits: number): number => ((bits >> 31) | 1) * (bits << 1 !== 0 ? 1 : 0);

const linf: Rule = {
  ...withMomentum,
  // l. 7–8: z = P(x⁽ᵏ⁾ + η·sign ∇f), x⁽ᵏ⁺¹⁾ = P(x⁽ᵏ⁾ + α(z − x⁽ᵏ⁾) + (1 − α)(x⁽ᵏ⁾ − x⁽ᵏ⁻¹⁾))
  step(climb, clean, { epsilon }, first) {
    const { x, previous, gradient, stepSize } = climb;
    const { data } = clean;
    const bits = new Int32Array(gradient.buffer, gradient.byteOffset, gradient.length);
    const alpha = first ? 1 : ALPHA;
    const beta = 1 - alpha;
    forEachImage(clean, (n, from, to) => {
      const radius = at(epsilon, n);
      const eta = stepSize[n]!;
      for (let i = from; i < to; i++) {
        const c = data[i]!;
        const low = positive(c - radius);
        const high = 1 - positive(1 - (c + radius));
        const width = high - low;
        const v = x[i]!;
        const z = high - positive(width - positive(v + eta * signOf(bits[i]!) - low));
        const w = v + alpha * (z - v) + beta * (v - previous[i]!);
        previous[i] = high - positive(width - positive(w - low));
      }
    });
    climb.x = previous;
    climb.previous = x;
  },
};

const l2: Rule = {
  ...withMomentum,
  // The same with η·∇f/‖∇f‖₂; a zero gradient stays zero.
  step(climb, clean, ball, first) {
    const { x, previous, gradient, stepSize } = climb;
    const { data } = clean;
    const alpha = first ? 1 : ALPHA;
    const beta = 1 - alpha;
    forEachImage(clean, (n, from, to) => {
      const radius = at(ball.epsilon, n);
      let steepness = 0;
      for (let i = from; i < to; i++) steepness += gradient[i]! * gradient[i]!;
      const eta = steepness > 0 ? stepSize[n]! / Math.sqrt(steepness) : 0;
      let square = 0;
      for (let i = from; i < to; i++) {
        const d = x[i]! + eta * gradient[i]! - data[i]!;
        square += d * d;
      }
      const shrink = square > radius * radius ? radius / Math.sqrt(square) : 1;
      let after = 0;
      for (let i = from; i < to; i++) {
        const v = x[i]!;
        const c = data[i]!;
        const z = 1 - positive(1 - positive(c + (v + eta * gradient[i]! - c) * shrink));
        const w = v + alpha * (z - v) + beta * (v - previous[i]!);
        previous[i] = w;
        after += (w - c) * (w - c);
      }
      const again = after > radius * radius ? radius / Math.sqrt(after) : 1;
      for (let i = from; i < to; i++) {
        const c = data[i]!;
        previous[i] = 1 - positive(1 - positive(c + (previous[i]! - c) * again));
      }
    });
    climb.x = previous;
    climb.previous = x;
  },
};

/** By how much the number of pixels of a step falls short of those of x_max − x, and η falls at a checkpoint. */
const REDUCTION = 1.5;
/** η never falls below this part of its first value. */
const LEAST_STEP = 0.1;
/** A support that has shrunk to less than this has x_max taken up again. */
const SHRUNK = 0.95;

/** Alg. 1 of Croce and Hein, 2021: sparse steps without momentum, in balls that shrink to ε. */
const l1: Rule = {
  // §3.3: 30 % of the steps at 3ε, 30 % at 2ε, the rest at ε
  stages(steps) {
    const part = Math.ceil(0.3 * steps);
    if (2 * part >= steps) return [{ radius: 1, steps }];
    return [
      { radius: 3, steps: part },
      { radius: 2, steps: part },
      { radius: 1, steps: steps - 2 * part },
    ];
  },
  firstStep: 1,

  begin({ x, pixels, support }, clean) {
    forEachImage(clean, (n, from, to) => {
      support[n] = differing(x, clean.data, from, to);
      pixels[n] = sparser(support[n]!);
    });
  },

  window: (steps) => Math.max(Math.floor(0.04 * steps), 1),

  // u = x⁽ᵏ⁾ + η·s/‖s‖₁ with s the sign of the gradient's largest elements, x⁽ᵏ⁺¹⁾ = P(u)
  step(climb, clean, { epsilon }) {
    const { x, gradient, stepSize, pixels } = climb;
    const size = imageSize(clean);
    const movable = new Float32Array(size);
    const onto = l1BallProjection(size);
    forEachImage(clean, (n, from, to) => {
      let count = 0;
      for (let i = from; i < to; i++) {
        const g = gradient[i]!;
        if ((g > 0 && x[i]! < 1) || (g < 0 && x[i]! > 0)) movable[count++] = Math.abs(g);
      }
      if (count === 0) return;
      const k = Math.min(pixels[n]!, count);
      const limit = kthLargest(movable, count, k);
      const eta = stepSize[n]! / k;
      for (let i = from; i < to; i++) {
        const g = gradient[i]!;
        if (g >= limit && x[i]! < 1) x[i] = x[i]! + eta;
        else if (-g >= limit && x[i]! > 0) x[i] = x[i]! - eta;
      }
      onto(x, clean.data, from, at(epsilon, n));
    });
  },

  // k⁽ⁱ⁺¹⁾ = ‖x_max − x‖₀/1.5; η falls by 1.5 until the support of x_max shrinks by 5 %, and is then set back
  checkpoint(climb, clean, { epsilon }) {
    const { best, stepSize, pixels, support } = climb;
    forEachImage(clean, (n, from, to) => {
      const before = support[n]!;
      support[n] = differing(best, clean.data, from, to);
      pixels[n] = sparser(support[n]!);
      const full = at(epsilon, n);
      if (support[n]! < SHRUNK * before) {
        stepSize[n] = full;
        restore(climb, from, to);
      } else stepSize[n] = Math.max(stepSize[n]! / REDUCTION, full * LEAST_STEP);
    });
  },
};

/** Rounded down, where the authors' code rounds up: from two pixels up leads to two, which both gain what the projection takes. */
const sparser = (support: number): number => Math.max(1, Math.floor(support / REDUCTION));

/** ‖a − b‖₀ of a row. */
function differing(a: Float32Array, b: Float32Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) if (a[i] !== b[i]) count += 1;
  return count;
}

export const rules = { linf, l2, l1 } as const satisfies Record<Norm, Rule>;
