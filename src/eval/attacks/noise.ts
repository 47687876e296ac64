import { randomStart } from '../threat.ts';
import { type AttackSpec, Survivors } from './attack.ts';

const RESTARTS = 10;

/** Random points of the ball, no gradient: what it finds and gradient attacks do not is a sign of masking. */
export const noise: AttackSpec = {
  name: 'noise',
  about: 'random points of the ball, as often as there are restarts',
  source:
    'Chen and Lee, "Towards Fast and Robust Adversarial Training for Image Classification", masking check 1',
  norms: ['linf', 'l2', 'l1'],
  tunable: false,
  defaults: () => ({ restarts: RESTARTS }),
  async run({ classifier, x, y, threat, parameters, key, onProgress }) {
    const { restarts = RESTARTS } = parameters;
    const left = new Survivors({ x, y, threat, classes: classifier.classes });
    for (let r = 0; r < restarts && left.count > 0; r++) {
      const images = randomStart(left.clean, left.threat, key.fold('draw', r));
      left.sift(images, await classifier.logits({ data: images, shape: left.clean.shape }));
      onProgress?.((r + 1) / restarts);
    }
    return left;
  },
};
