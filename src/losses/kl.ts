import { dotClasses } from './classes.ts';
import type { Loss } from './loss.ts';

/** The smallest normal float32: q·log q is 0 where q is. */
const SMALLEST = 1.1754943508222875e-38;

/**
 * The Kullback–Leibler divergence from given probabilities, Σ_k q_k·(log q_k − log softmax(z)_k).
 *
 * What TRADES ascends, with q = softmax of the clean image's logits (Zhang et al., "Theoretically Principled Trade-off
 * between Robustness and Accuracy", 2019, eq. 5).
 */
export const kl: Loss = {
  about: 'divergence from given probabilities q (TRADES)',
  inputs: ['q'],
  build(b, logits, { q }) {
    const logP = b.op('LogSoftmax', [logits], { axis: 1 });
    const logQ = b.op('Log', [b.op('Max', [q, b.scalar(SMALLEST)])]);
    return b.op('Identity', [dotClasses(b, q, b.op('Sub', [logQ, logP]))], {}, 'kl');
  },
};
