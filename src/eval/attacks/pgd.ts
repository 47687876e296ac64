import type { LabelLoss } from '../../losses/index.ts';
import { ascentStep } from '../ascent.ts';
import { randomStart } from '../threat.ts';
import { type AttackInput, type AttackOutput, type AttackSpec, Survivors } from './attack.ts';

/**
 * Projected gradient descent from random starts: x ← Π(x + α·sign ∇ℓ(x)).
 *
 * A sample is looked at in every step (the gradient pass gives its logits anyway) and left alone once it is
 * misclassified; restarts go on with the samples that are left.
 *
 * Cost per sample and restart: `steps` forward and backward passes and one more forward, fewer where it breaks.
 */
async function projectedGradient(
  loss: LabelLoss,
  { classifier, x, y, threat, key, onProgress }: AttackInput,
  { steps, stepSize, restarts }: { steps: number; stepSize: number; restarts: number },
): Promise<AttackOutput> {
  const left = new Survivors(x, y, classifier.classes);
  for (let r = 0; r < restarts && left.count > 0; r++) {
    let current = randomStart(left.clean, threat, key.fold('start', r));
    for (let t = 0; t < steps && left.count > 0; t++) {
      const images = { data: current, shape: left.clean.shape };
      const { logits, next } = await ascentStep(classifier, loss, images, left.labels, left.clean, {
        threat,
        stepSize,
      });
      current = left.sift(current, logits, next)[1]!;
      onProgress?.((r + (t + 1) / steps) / restarts);
    }
    if (left.count > 0)
      left.sift(current, await classifier.logits({ data: current, shape: left.clean.shape }));
  }
  return left;
}

const source =
  'Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", arXiv:1706.06083';

export const pgd: AttackSpec = {
  name: 'pgd',
  about: 'projected gradient descent on the cross-entropy',
  source,
  norms: ['linf', 'l2'],
  tunable: true,
  defaults: ({ epsilon }) => ({ steps: 40, stepSize: epsilon / 10, restarts: 1 }),
  run: (input) => projectedGradient('ce', input, { ...pgd.defaults(input.threat), ...input.parameters }),
};

export const pgdMargin: AttackSpec = {
  name: 'pgd-margin',
  about: 'projected gradient descent on the margin (CW) loss',
  source: `${source}; loss of Carlini and Wagner, arXiv:1608.04644`,
  norms: ['linf', 'l2'],
  tunable: true,
  defaults: pgd.defaults,
  run: (input) => projectedGradient('margin', input, { ...pgd.defaults(input.threat), ...input.parameters }),
};
