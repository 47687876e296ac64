import { ascend } from '../threat.ts';
import { type AttackSpec, Survivors } from './attack.ts';

/** The fast gradient sign method: one step of length ε from the clean image. */
export const fgsm: AttackSpec = {
  name: 'fgsm',
  about: 'one step of the full radius along the gradient',
  source: 'Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", arXiv:1412.6572',
  norms: ['linf', 'l2'],
  defaults: ({ epsilon }) => ({ steps: 1, stepSize: epsilon, restarts: 1 }),
  async run({ classifier, x, y, threat, onProgress }) {
    const left = new Survivors(x, y, classifier.classes);
    const { gradient } = await classifier.gradient('ce', x, y);
    const adversarial = x.data.slice();
    ascend(adversarial, gradient, x, threat, threat.epsilon);
    left.sift(adversarial, await classifier.logits({ data: adversarial, shape: x.shape }));
    onProgress?.(1);
    return left;
  },
};
