/**
 * MART: adversarial training that looks at misclassified images more than at others.
 *
 * Y. Wang, D. Zou, J. Yi, J. Bailey, X. Ma, Q. Gu, "Improving Adversarial Robustness Requires Revisiting Misclassified
 * Examples", ICLR 2020, Alg. 1. T = 10, α = 0.007 at ε = 8/255, λ = 5.
 *
 * As the authors' code: x′ starts from x + 0.001·N(0, I), unprojected, where the paper starts anywhere in the ball, and
 * BatchNormalization takes its running statistics while gradients are taken. #BP T + 1.
 */
import type { Adversary } from './adversary.ts';
import type { Method } from './method.ts';
import { martObjective } from './objectives/index.ts';
import { adversarialStep } from './pgd.ts';
import { nearby } from './trades.ts';

/** Ascends the cross-entropy, descends MART's loss. */
export const martAdversary: Adversary = {
  start: nearby,
  ascends: async () => ({}),
  /** @phase MART: one update */
  learn: ({ learner, x, y }, adversarial) =>
    learner.update(x, y, { objective: martObjective, feeds: { adversarial } }), // BCE + λ·KL·(1 − p_y)
};

export const mart: Method = {
  name: 'mart',
  about: 'boosted cross-entropy on PGD’s images, and λ times their divergence where x is misclassified',
  source: 'Wang et al., ICLR 2020, Alg. 1',
  defaults: { lambda: 5 },
  attack: { steps: 10, stepSize: 0.007 / (8 / 255) },
  step: (args) => adversarialStep(args, martAdversary),
};
