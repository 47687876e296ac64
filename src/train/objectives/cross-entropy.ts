import { appendLoss } from '../../losses/index.ts';
import { branchesOf } from './branches.ts';
import { imagesOf } from './inputs.ts';
import type { Objective } from './objective.ts';

/** ℓ(f(x), y), with the label smoothed where that is asked for. */
export const crossEntropy: Objective = {
  name: 'ce',
  source: 'the cross-entropy of every paper',
  build({ model, options }) {
    const { b, branch, build } = branchesOf(model);
    const logits = branch(imagesOf(b, model, 'x'));
    return build(logits, appendLoss(b, 'ce', logits, { smoothing: options.smoothing }));
  },
};
