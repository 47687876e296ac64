import { ownLogit } from './classes.ts';
import type { Loss } from './loss.ts';

/**
 * One logit, z_y, as it is: for saliency maps, and for attacks that linearise the logits one by one. The only loss that
 * falls as the classification gets worse.
 */
export const logit: Loss = {
  about: 'the logit of class y itself',
  inputs: ['y'],
  build: (b, logits, { y }) => b.op('Identity', [ownLogit(b, logits, y)], {}, 'logit'),
};
