/**
 * TRADES: accuracy on clean images, and predictions that do not change within the ball.
 *
 * H. Zhang, Y. Yu, J. Jiao, E. Xing, L. El Ghaoui, M. Jordan, "Theoretically Principled Trade-off between Robustness and
 * Accuracy", ICML 2019, arXiv:1901.08573, Alg. 1, eq. 5. T = 10, α = 0.007 at ε = 8/255, β = 6 (1 on MNIST).
 *
 * As the authors' code: f(x) stays as it is while x′ ascends, x′ starts unprojected, BatchNormalization takes its running
 * statistics while gradients are taken. Differs: f(x) is computed once per mini-batch, and once more in the update.
 * #BP T + 1; one forward pass more, for f(x).
 */
import { normal } from '../random/index.ts';
import type { Adversary } from './adversary.ts';
import type { Method, StepArguments } from './method.ts';
import { tradesObjective } from './objectives/index.ts';
import { adversarialStep } from './pgd.ts';
import { softmax } from './softmax.ts';

/** Of the noise that x′ starts from, in pixel space. */
const DEVIATION = 0.001;

/**
 * x + 0.001·N(0, I).
 *
 * @phase TRADES line 5: the start
 */ // Alg. 1, l. 5
export function nearby({ x, key }: Pick<StepArguments, 'x' | 'key'>): Float32Array {
  const from = normal(key.fold('start'), x.data.length, 0, DEVIATION);
  for (let i = 0; i < from.length; i++) from[i] = from[i]! + x.data[i]!;
  return from;
}

export const tradesAdversary: Adversary = {
  start: nearby, // Alg. 1, l. 5
  /** @phase TRADES line 6: f(x), once */
  async ascends({ learner, x }) {
    return { loss: 'kl', q: softmax(await learner.logits(x), learner.classes) }; // f(x)
  },
  /** @phase TRADES line 10: one update */
  learn: ({ learner, x, y }, adversarial) =>
    learner.update(x, y, { objective: tradesObjective, feeds: { adversarial } }), // Alg. 1, l. 10
};

export const trades: Method = {
  name: 'trades',
  about: 'cross-entropy on clean images, and β times how far predictions move within the ball',
  source: 'Zhang et al., arXiv:1901.08573, Alg. 1',
  defaults: { beta: 6 },
  attack: { steps: 10, stepSize: 0.007 / (8 / 255) },
  step: (args) => adversarialStep(args, tradesAdversary), // Alg. 1, l. 5–10
};
