import type { Images } from '../images.ts';
import {
  at,
  type Ball,
  forEachImage,
  inProportion,
  type PerImage,
  project,
  randomStart,
  type Threat,
  threatOf,
} from '../threat.ts';
import { type AttackSpec, Survivors } from './attack.ts';

export interface GaussNewtonStep {
  /** x + δ_T, projected. */
  readonly adversarial: Float32Array;
  /** The share of samples whose direction eq. (8) turned round: 1 + J·δ₀ < 0. */
  readonly flipped: number;
}

/**
 * T steps of δ ← clip(δ + α·sign(J + Hδ), ±ε) with H = JᵀJ (GAAT, Alg. 2, l. 7–10, eq. 8), at once.
 *
 * Per sample J + Hδ = J·(1 + J·δ), so every step goes along ±sign J, by the sign of 1 + J·δ. Going along +sign J makes J·δ
 * larger, going along −sign J smaller, and clipping cannot turn that round: the sign of the first step is that of
 * all, and T steps of α are one step of T·α. (A test compares with the loop as the paper writes it.)
 *
 * @param start x + δ₀
 * @param gradient J per sample, shaped as x
 * @param secondOrder false leaves H out: all steps along +sign J
 */
export function approximateSteps(
  x: Images,
  start: Float32Array,
  gradient: Float32Array,
  {
    threat,
    steps,
    stepSize,
    secondOrder = true,
  }: { threat: Ball; steps: number; stepSize: PerImage; secondOrder?: boolean },
): GaussNewtonStep {
  const adversarial = start.slice();
  let flipped = 0;
  forEachImage(x, (n, from, to) => {
    const reach = steps * at(stepSize, n);
    let along = 1;
    if (secondOrder) {
      let product = 0;
      for (let i = from; i < to; i++) product += gradient[i]! * (start[i]! - x.data[i]!);
      along = Math.sign(1 + product);
      if (along < 0) flipped += 1;
    }
    for (let i = from; i < to; i++)
      adversarial[i] = adversarial[i]! + along * reach * Math.sign(gradient[i]!);
  });
  project(adversarial, x, threat);
  return { adversarial, flipped: flipped / x.shape[0]! };
}

const defaults = ({ epsilon }: Threat) => ({ steps: 40, stepSize: epsilon / 10, restarts: 1 });

/** The GAAT attack: one gradient at x, then T cheap steps on its quadratic model from a random start. */
export const gaat: AttackSpec = {
  name: 'gaat',
  about: 'one gradient, then cheap steps on the approximated loss',
  source: 'Gong, arXiv:2309.09464, Alg. 2, l. 3–10',
  norms: ['linf'],
  tunable: true,
  defaults,
  async run({ classifier, x, y, threat, parameters, key, onProgress }) {
    const { epsilon: largest } = threatOf(threat);
    const { steps, stepSize, restarts } = { ...defaults(threatOf(threat)), ...parameters };
    const left = new Survivors({ x, y, threat, classes: classifier.classes });
    const { gradient } = await classifier.gradient('ce', x, y);
    let J = gradient;
    for (let r = 0; r < restarts && left.count > 0; r++) {
      const start = randomStart(left.clean, left.threat, key.fold('start', r));
      const { adversarial } = approximateSteps(left.clean, start, J, {
        threat: left.threat,
        steps,
        stepSize: inProportion(stepSize, left.threat, largest),
      });
      const logits = await classifier.logits({ data: adversarial, shape: left.clean.shape });
      J = left.sift(adversarial, logits, J)[1]!;
      onProgress?.((r + 1) / restarts);
    }
    return left;
  },
};
