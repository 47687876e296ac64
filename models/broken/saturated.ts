import { around } from './rebuilt.ts';
import type { BrokenDefence } from './spec.ts';

/**
 * Logits ×1000: the softmax is 1 for one class and 0 for all others, in float32, so that the cross-entropy has no gradient
 * (as defensive distillation does; Carlini and Wagner, arXiv:1608.04644, §VI).
 */
export const saturated: BrokenDefence = {
  name: 'saturated',
  about: 'logits times 1000',
  check: 'saturated-softmax',
  build: (graph) =>
    around(graph, 'saturated', { behind: (b, logits) => b.op('Mul', [logits, b.scalar(1000)]) }),
};
