/**
 * The momentum iterative method: Dong et al., "Boosting adversarial attacks with momentum", CVPR 2018, arXiv:1710.06081, Alg. 1:
 * g ← μ·g + ∇ℓ(x)/‖∇ℓ(x)‖₁ (eq. 6), then a step of α along sign g for L∞ (eq. 7), along g/‖g‖₂ for L2, projected.
 *
 * It starts from the clean image, with no randomness. Not as in the paper: a sample is looked at in every step and left alone once it is
 * misclassified, and a step size can be given (the paper's is ε/T). A zero gradient adds nothing to g.
 *
 * Cost per sample: `steps` forward and backward passes and one more forward, fewer where it breaks.
 */
import { imageSize } from '../images.ts';
import { lengths } from '../norms.ts';
import { ascend, inProportion, type Threat, threatOf } from '../threat.ts';
import { type AttackSpec, look, Survivors } from './attack.ts';

/** μ, the paper's choice. */
const DECAY = 1;

/** g ← μ·g + ∇/‖∇‖₁, in place. */
function accumulate(momentum: Float32Array, gradient: Float32Array, size: number): void {
  for (let from = 0; from < momentum.length; from += size) {
    const length = lengths.l1(gradient, from, size);
    const scale = length > 0 ? 1 / length : 0;
    for (let i = from; i < from + size; i++) momentum[i] = DECAY * momentum[i]! + scale * gradient[i]!;
  }
}

const defaults = ({ epsilon }: Threat) => ({ steps: 10, stepSize: epsilon / 10 });

export const mim: AttackSpec = {
  name: 'mim',
  about: 'gradient steps with momentum, from the clean image',
  source: 'Dong et al., "Boosting Adversarial Attacks with Momentum", arXiv:1710.06081',
  norms: ['linf', 'l2'],
  tunable: true,
  targeted: true,
  defaults,
  async run(input) {
    const { classifier, x, threat, onProgress, signal } = input;
    const { steps, stepSize } = { ...defaults(threatOf(threat)), ...input.parameters };
    const { epsilon: largest } = threatOf(threat);
    const left = new Survivors({ ...input, classes: classifier.classes });
    const loss = input.target ? 'margin-targeted' : 'ce';
    let current: Float32Array = x.data.slice();
    let momentum: Float32Array = new Float32Array(current.length);
    for (let t = 0; t < steps && left.count > 0 && !signal?.aborted; t++) {
      const images = { data: current, shape: left.clean.shape };
      const { logits, gradient } = await classifier.gradient(loss, images, left.labels, left.target);
      accumulate(momentum, gradient, imageSize(x));
      [current, momentum] = look(classifier, left, current, logits, momentum) as [Float32Array, Float32Array];
      ascend(current, momentum, left.clean, left.threat, inProportion(stepSize, left.threat, largest));
      onProgress?.((t + 1) / steps);
    }
    if (left.count === 0) return left;
    look(classifier, left, current, await classifier.logits({ data: current, shape: left.clean.shape }));
    return left;
  },
};
