import { bestOther, dotClasses, ownLogit } from '../../losses/index.ts';
import { branchesOf } from './branches.ts';
import { imagesOf } from './inputs.ts';
import type { Objective } from './objective.ts';

/** Keeps −log(1 − p) finite where p is 1, as the authors' code does. */
const ABOVE_ONE = 1.0001;

/**
 * BCE(f(x′), y) + λ·KL(f(x) ‖ f(x′))·(1 − p_y(x)), x′ in `adversarial`, with the boosted cross-entropy
 * BCE = −log p_y(x′) − log(1 − max_{k≠y} p_k(x′)).
 *
 * Gradients go through both branches and through the weight 1 − p_y(x), as in the authors' code. Labels are not smoothed.
 */
export const martObjective: Objective = {
  name: 'mart',
  source:
    'Wang et al., "Improving Adversarial Robustness Requires Revisiting Misclassified Examples", ICLR 2020',
  build({ model, options }) {
    const { b, branch, build } = branchesOf(model);
    const natural = branch(imagesOf(b, model, 'x'));
    const adversarial = branch(imagesOf(b, model, 'adversarial'));
    const y = b.input('y', 'int64', [b.shape(natural)[0]!]);
    const [logP, logQ] = [natural, adversarial].map((z) => b.op('LogSoftmax', [z], { axis: 1 })) as [
      string,
      string,
    ];
    const minus = (a: string, c: string) => b.op('Sub', [a, c]);
    const rest = minus(b.scalar(ABOVE_ONE), b.op('Exp', [bestOther(b, logQ, y)])); // 1 − max_{k≠y} p_k(x′)
    const boosted = b.op('Neg', [b.op('Add', [ownLogit(b, logQ, y), b.op('Log', [rest])])]); // BCE
    const divergence = dotClasses(b, b.op('Exp', [logP]), minus(logP, logQ)); // KL(f(x) ‖ f(x′))
    const weight = minus(b.scalar(1), b.op('Exp', [ownLogit(b, logP, y)])); // 1 − p_y(x)
    const weighted = b.op('Mul', [divergence, b.op('Mul', [weight, b.scalar(options.lambda)])]);
    return build(adversarial, b.op('Add', [boosted, weighted]));
  },
};
