/**
 * Fast adversarial training: FGSM from a random start (U-FGSM).
 *
 * E. Wong, L. Rice, J. Z. Kolter, "Fast is better than free: Revisiting adversarial training", arXiv:2001.03994, as in
 * F. Wang et al., "Gradient-Guided Dynamic Efficient Adversarial Training" (DEAT), Alg. 5, l. 4–7. Its l. 9–14 are
 * `--stop magnitude`, for which l_X is recorded; Wong et al.'s own rule is `--stop pgd`.
 *
 * Differs from the listing: x + δ is also clipped to [0, 1]. One step, whatever T. #BP 2.
 */
import { measuredStep } from './magnitude.ts';
import { type Method, recordOf } from './method.ts';
import { start } from './pgd.ts';

export const fast: Method = {
  name: 'fast',
  about: 'one FGSM step from a random start (U-FGSM); steps much longer than ε overfit catastrophically',
  source: 'Wong, Rice, Kolter, arXiv:2001.03994; Wang et al., DEAT, Alg. 5',
  defaults: { start: 'random' },
  attack: { steps: 1, stepSize: 1.25 }, // α = 10/255 at ε = 8/255
  async step(args) {
    const { learner, x, y, stepSize } = args;
    const adversarial = { data: start(args), shape: x.shape }; // Alg. 5, l. 4
    const gradientL1 = await measuredStep(args, adversarial); // Alg. 5, l. 5–6
    const update = await learner.update(adversarial, y); // Alg. 5, l. 7
    return recordOf(update, { attackSteps: 1, stepSize, gradientL1 });
  },
};
