import { appendLoss, dotClasses } from '../../losses/index.ts';
import { branchesOf } from './branches.ts';
import { imagesOf } from './inputs.ts';
import type { Objective } from './objective.ts';

/**
 * CE(f(x), y) + β·KL(f(x) ‖ f(x′)), x′ in `adversarial`; gradients go through both branches.
 *
 * The authors' code runs f(x) a second time for the divergence, which moves normalisations' statistics once more; here
 * each branch runs once, x first. The logits that come out are those of x′: what the attack was after.
 */
export const tradesObjective: Objective = {
  name: 'trades',
  source: 'Zhang et al., arXiv:1901.08573, eq. 5',
  build({ model, options }) {
    const { b, branch, build } = branchesOf(model);
    const natural = branch(imagesOf(b, model, 'x'));
    const adversarial = branch(imagesOf(b, model, 'adversarial'));
    const classified = appendLoss(b, 'ce', natural, { smoothing: options.smoothing });
    const [logP, logQ] = [natural, adversarial].map((z) => b.op('LogSoftmax', [z], { axis: 1 })) as [
      string,
      string,
    ];
    const divergence = dotClasses(b, b.op('Exp', [logP]), b.op('Sub', [logP, logQ])); // KL(f(x) ‖ f(x′))
    return build(adversarial, b.op('Add', [classified, b.op('Mul', [divergence, b.scalar(options.beta)])]));
  },
};
