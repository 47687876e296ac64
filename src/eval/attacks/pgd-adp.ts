/**
 * PGD with the best step size searched at each step: "PGD-ADP" of Chen and Lee, "Towards Fast and Robust Adversarial Training for
 * Image Classification" (eFGSM), section 4.1, which says that it takes 100 steps, "search[es] the optimal step size at each step",
 * and follows Carlini et al., "On evaluating adversarial robustness", arXiv:1902.06705.
 *
 * Left open there, and chosen here:
 * - the step sizes: ε, ε/2, ε/4 and ε/8 (with more of them, from 2ε to ε/64, it breaks no more of a robust MNIST net's images);
 * - the best one: that with the largest loss, for each sample by itself, also where all are smaller than before the step;
 * - the loss: the margin max z_i − z_y, i ≠ y (with the cross-entropy it breaks fewer);
 * - the start: random, as PGD's.
 *
 * Cost per sample, restart and step: one forward and one backward pass, and four forwards for the sizes, fewer where it breaks.
 */
import { imageSize } from '../images.ts';
import { ascend, type PerImage, randomStart } from '../threat.ts';
import { type AttackInput, type AttackSpec, look, Survivors } from './attack.ts';

/** Step sizes that are tried, in radii. */
const REACHES = [1, 1 / 2, 1 / 4, 1 / 8] as const;

const times = (epsilon: PerImage, factor: number): PerImage =>
  typeof epsilon === 'number' ? factor * epsilon : epsilon.map((radius) => factor * radius);

/** max z_i − z_y over i ≠ y, or z_t − z_y where a class t is wanted, `[N]`. */
function margins(logits: Float32Array, { labels, target }: Survivors): Float32Array {
  const classes = logits.length / labels.length;
  return Float32Array.from(labels, (y, n) => {
    const z = logits.subarray(n * classes, (n + 1) * classes);
    if (target) return z[target[n]!]! - z[y]!;
    let other = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) if (k !== y && z[k]! > other) other = z[k]!;
    return other - z[y]!;
  });
}

/**
 * From `current` along the gradient, by the size that is best for each survivor.
 *
 * @returns where those are that no size has broken
 */
async function bestStep(
  { classifier }: AttackInput,
  left: Survivors,
  current: Float32Array,
  gradient: Float32Array,
): Promise<Float32Array> {
  let kept = [current, gradient, current, new Float32Array(left.count).fill(Number.NEGATIVE_INFINITY)];
  for (const reach of REACHES) {
    const [from, along, before, loss] = kept as [Float32Array, Float32Array, Float32Array, Float32Array];
    if (left.count === 0) break;
    const size = imageSize(left.clean);
    const next = from.slice();
    ascend(next, along, left.clean, left.threat, times(left.threat.epsilon, reach));
    const logits = await classifier.logits({ data: next, shape: left.clean.shape });
    const best = before.slice();
    for (const [n, margin] of margins(logits, left).entries()) {
      if (!(margin > loss[n]!)) continue;
      loss[n] = margin;
      best.set(next.subarray(n * size, (n + 1) * size), n * size);
    }
    kept = look(classifier, left, next, logits, from, along, best, loss).slice(1);
  }
  return kept[2]!;
}

const defaults = { steps: 100, restarts: 1 } as const;

export const pgdAdp: AttackSpec = {
  name: 'pgd-adp',
  about: 'projected gradient descent on the margin, with the best of four step sizes at each step',
  source:
    'Chen and Lee, "Towards Fast and Robust Adversarial Training for Image Classification", section 4.1, PGD-ADP',
  norms: ['linf', 'l2'],
  tunable: true,
  targeted: true,
  defaults: () => defaults,
  async run(input) {
    const { classifier, key, onProgress, signal } = input;
    const { steps, restarts } = { ...defaults, ...input.parameters };
    const left = new Survivors({ ...input, classes: classifier.classes });
    const loss = input.target ? 'margin-targeted' : 'margin';
    for (let r = 0; r < restarts && left.count > 0; r++) {
      let current = randomStart(left.clean, left.threat, key.fold('start', r));
      for (let t = 0; t < steps && left.count > 0 && !signal?.aborted; t++) {
        const images = { data: current, shape: left.clean.shape };
        const { logits, gradient } = await classifier.gradient(loss, images, left.labels, left.target);
        const [from, along] = look(classifier, left, current, logits, gradient);
        current = await bestStep(input, left, from!, along!);
        onProgress?.((r + (t + 1) / steps) / restarts);
      }
      left.release();
    }
    return left;
  },
};
