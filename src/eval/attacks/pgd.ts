import { ascentStep } from '../ascent.ts';
import type { AttackLoss } from '../classifier.ts';
import { inProportion, randomStart, type Threat, threatOf } from '../threat.ts';
import {
  type AttackInput,
  type AttackOutput,
  type AttackParameters,
  type AttackSpec,
  Survivors,
} from './attack.ts';

/**
 * Projected gradient descent from random starts: x ← Π(x + α·sign ∇ℓ(x)).
 *
 * A sample is looked at in every step (the gradient pass gives its logits anyway) and left alone once it is
 * misclassified; restarts go on with the samples that are left. Where a model answers by chance (`Classifier.stochastic`), a
 * sample leaves after a restart only, and its last misclassified point stands.
 *
 * Cost per sample and restart: `steps` forward and backward passes and one more forward, fewer where it breaks.
 */
async function projectedGradient(
  loss: 'ce' | 'margin',
  input: AttackInput,
  { steps, stepSize, restarts }: Parameters,
): Promise<AttackOutput> {
  const { classifier, threat, key, onProgress, signal } = input;
  const left = new Survivors({ ...input, classes: classifier.classes });
  const { epsilon: largest } = threatOf(threat);
  for (let r = 0; r < restarts && left.count > 0; r++) {
    let current = randomStart(left.clean, left.threat, key.fold('start', r));
    for (let t = 0; t < steps && left.count > 0 && !signal?.aborted; t++) {
      const images = { data: current, shape: left.clean.shape };
      const { logits, next } = await ascentStep(
        classifier,
        lossOf(loss, left),
        images,
        left.labels,
        left.clean,
        {
          threat: left.threat,
          stepSize: inProportion(stepSize, left.threat, largest),
          ...(left.target && { target: left.target }),
        },
      );
      if (classifier.stochastic) left.note(current, logits);
      current = classifier.stochastic ? next : left.sift(current, logits, next)[1]!;
      onProgress?.((r + (t + 1) / steps) / restarts);
    }
    if (left.count === 0) break;
    const logits = await classifier.logits({ data: current, shape: left.clean.shape });
    if (classifier.stochastic) left.note(current, logits);
    else left.sift(current, logits);
    left.release();
  }
  return left;
}

type Parameters = Required<Pick<AttackParameters, 'steps' | 'stepSize' | 'restarts'>>;

/** Towards a class, both ascend its margin over the label: the cross-entropy of a target is not among the losses. */
const lossOf = (loss: 'ce' | 'margin', { target }: Survivors): AttackLoss =>
  target ? 'margin-targeted' : loss;

const defaults = ({ epsilon }: Threat): Parameters => ({ steps: 40, stepSize: epsilon / 10, restarts: 1 });

const source =
  'Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", arXiv:1706.06083';

export const pgd: AttackSpec = {
  name: 'pgd',
  about: 'projected gradient descent on the cross-entropy',
  source,
  norms: ['linf', 'l2', 'l1'],
  tunable: true,
  targeted: true,
  continues: true,
  defaults,
  run: (input) =>
    projectedGradient('ce', input, { ...defaults(threatOf(input.threat)), ...input.parameters }),
};

export const pgdMargin: AttackSpec = {
  name: 'pgd-margin',
  about: 'projected gradient descent on the margin (CW) loss',
  source: `${source}; loss of Carlini and Wagner, arXiv:1608.04644`,
  norms: ['linf', 'l2', 'l1'],
  tunable: true,
  targeted: true,
  continues: true,
  defaults,
  run: (input) =>
    projectedGradient('margin', input, { ...defaults(threatOf(input.threat)), ...input.parameters }),
};
