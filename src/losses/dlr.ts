import { bestOther, largest, ownLogit } from './classes.ts';
import type { Loss } from './loss.ts';

/** Keeps the quotient finite where the largest logits are all equal. */
const TINY = 1e-12;

/**
 * The difference of logits ratio, −(z_y − max_{i≠y} z_i)/(z_π1 − z_π3), π the order of falling logits: a margin that
 * neither shift nor scale of the logits changes.
 *
 * Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
 * 2020, eq. 6; the 1e-12 is their code's.
 */
export const dlr: Loss = {
  about: 'difference of logits ratio (AutoAttack)',
  inputs: ['y'],
  minClasses: 3,
  build(b, logits, { y }) {
    const [first, , third] = largest(b, logits, 3);
    const margin = b.op('Sub', [bestOther(b, logits, y), ownLogit(b, logits, y)]);
    const scale = b.op('Add', [b.op('Sub', [first!, third!]), b.scalar(TINY)]);
    return b.op('Div', [margin, scale], {}, 'dlr');
  },
};

/**
 * Its targeted form, −(z_y − z_t)/(z_π1 − ½(z_π3 + z_π4)): eq. 7 of the same paper.
 */
export const targetedDlr: Loss = {
  about: 'difference of logits ratio towards a target class',
  inputs: ['y', 'target'],
  minClasses: 4,
  build(b, logits, { y, target }) {
    const [first, , third, fourth] = largest(b, logits, 4);
    const margin = b.op('Sub', [ownLogit(b, logits, target), ownLogit(b, logits, y)]);
    const middle = b.op('Mul', [b.op('Add', [third!, fourth!]), b.scalar(0.5)]);
    const scale = b.op('Add', [b.op('Sub', [first!, middle]), b.scalar(TINY)]);
    return b.op('Div', [margin, scale], {}, 'dlr_targeted');
  },
};
