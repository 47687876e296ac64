import type { Norm } from '../../../src/eval/index.ts';
import { type Key, uniform } from '../../../src/random/index.ts';
import { type Counted, linear } from '../fakes.ts';

/** Linear models with many classes, and the radius from which on an image can be broken, walls included: computed, not attacked. */

export interface LinearProblem {
  readonly classifier: Counted;
  readonly x: { readonly data: Float32Array; readonly shape: readonly number[] };
  readonly y: Int32Array;
  /** The smallest radius at which each image can be misclassified: `[N]`. */
  radii(norm: Norm): Float32Array;
}

export interface LinearOptions {
  readonly n: number;
  readonly classes: number;
  /** Further classes that no image of the box comes near. @default 0 */
  readonly far?: number;
  /** A third of the pixels lie on a wall, the others anywhere. @default all within 0.05 of grey */
  readonly walls?: boolean;
}

/** z = W(x − ½) with W uniform in [−1, 1], on images of 3×4×4; labels are the model's own. */
export function linearProblem(
  key: Key,
  { n, classes, far = 0, walls = false }: LinearOptions,
): LinearProblem {
  const size = 48;
  const weights = Array.from({ length: classes + far }, (_, k) =>
    Array.from(uniform(key.fold('W', k), size, -1, 1)),
  );
  const bias = weights.map((w, k) => (k < classes ? 0 : -1000) - w.reduce((sum, v) => sum + v / 2, 0));
  const data = walls
    ? uniform(key.fold('x'), n * size, -0.25, 1.25).map((v) => Math.min(1, Math.max(0, v)))
    : uniform(key.fold('x'), n * size, 0.45, 0.55);
  const image = (s: number) => data.subarray(s * size, (s + 1) * size);
  const logits = (s: number) =>
    weights.map((w, k) => image(s).reduce((sum, v, i) => sum + v * w[i]!, bias[k]!));
  const y = Int32Array.from({ length: n }, (_, s) => {
    const z = logits(s);
    return z.indexOf(Math.max(...z));
  });
  const radius = (s: number, norm: Norm): number => {
    const z = logits(s);
    const own = y[s]!;
    return Math.min(
      ...weights.flatMap((w, t) => {
        if (t === own) return [];
        const slopes = w.map((v, i) => v - weights[own]![i]!);
        return [smallest((epsilon) => gains[norm](slopes, image(s), epsilon) >= z[own]! - z[t]!)];
      }),
    );
  };
  return {
    classifier: linear(weights, bias),
    x: { data, shape: [n, 3, 4, 4] },
    y,
    radii: (norm) => Float32Array.from(y.keys(), (s) => radius(s, norm)),
  };
}

/** The smallest ε at which something holds that holds from there on; 1e3 where it never does. */
function smallest(holds: (epsilon: number) => boolean): number {
  let [low, high] = [0, 1e3];
  for (let k = 0; k < 60; k++) {
    const middle = low > 0 ? Math.sqrt(low * high) : high / 1e3;
    if (holds(middle)) high = middle;
    else low = middle;
    if (low > 0 && high / low < 1 + 1e-9) break;
    if (low === 0 && high < 1e-12) break;
  }
  return high;
}

/** The room of a pixel in the direction of a slope. */
const room = (slope: number, pixel: number) => (slope > 0 ? 1 - pixel : pixel);

/** The largest rise of w·x in the ball and the box. */
const gains: Record<Norm, (w: readonly number[], x: Float32Array, epsilon: number) => number> = {
  linf: (w, x, epsilon) => w.reduce((sum, v, i) => sum + Math.abs(v) * Math.min(epsilon, room(v, x[i]!)), 0),

  // δᵢ = λwᵢ, cut off at the walls, with ‖δ‖₂ = ε
  l2(w, x, epsilon) {
    const moves = (lambda: number) => w.map((v, i) => Math.min(lambda * Math.abs(v), room(v, x[i]!)));
    let [low, high] = [0, 1e6];
    for (let k = 0; k < 100; k++) {
      const middle = (low + high) / 2;
      if (moves(middle).reduce((sum, m) => sum + m * m, 0) > epsilon ** 2) high = middle;
      else low = middle;
    }
    return moves(low).reduce((sum, m, i) => sum + m * Math.abs(w[i]!), 0);
  },

  // The steepest first, each as far as it goes
  l1(w, x, epsilon) {
    let [left, gain] = [epsilon, 0];
    for (const i of [...w.keys()].sort((a, b) => Math.abs(w[b]!) - Math.abs(w[a]!))) {
      const move = Math.min(left, room(w[i]!, x[i]!));
      left -= move;
      gain += move * Math.abs(w[i]!);
    }
    return gain;
  },
};
