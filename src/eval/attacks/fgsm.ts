import { ascentStep } from '../ascent.ts';
import { type AttackSpec, Survivors } from './attack.ts';

/** The fast gradient sign method: one step of length ε from the clean image. */
export const fgsm: AttackSpec = {
  name: 'fgsm',
  about: 'one step of the full radius along the gradient',
  source: 'Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", arXiv:1412.6572',
  norms: ['linf', 'l2', 'l1'],
  tunable: false,
  defaults: ({ epsilon }) => ({ steps: 1, stepSize: epsilon, restarts: 1 }),
  async run({ classifier, x, y, threat, onProgress }) {
    const left = new Survivors({ x, y, threat, classes: classifier.classes });
    const { next } = await ascentStep(classifier, 'ce', x, y, x, { threat, stepSize: threat.epsilon });
    left.sift(next, await classifier.logits({ data: next, shape: x.shape }));
    onProgress?.(1);
    return left;
  },
};
