import { bestOther, ownLogit } from './classes.ts';
import type { Loss } from './loss.ts';

/**
 * The margin loss, max_{i≠y} z_i − z_y: positive exactly where the sample is misclassified.
 *
 * Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017, f₆ without its clamp.
 */
export const margin: Loss = {
  about: 'largest other logit − own logit (Carlini and Wagner)',
  inputs: ['y'],
  build: (b, logits, { y }) => b.op('Sub', [bestOther(b, logits, y), ownLogit(b, logits, y)], {}, 'margin'),
};

/** Its targeted form, z_t − z_y: the linearised boundary with one class (DeepFool, eFGSM's eq. 12). */
export const targetedMargin: Loss = {
  about: 'logit of a target class − own logit',
  inputs: ['y', 'target'],
  build: (b, logits, { y, target }) =>
    b.op('Sub', [ownLogit(b, logits, target), ownLogit(b, logits, y)], {}, 'margin_targeted'),
};
