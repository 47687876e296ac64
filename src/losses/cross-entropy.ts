import type { Loss } from './loss.ts';

/** Softmax cross-entropy, −log softmax(z)_y. */
export const crossEntropy: Loss = (b, logits, labels) =>
  b.op('SoftmaxCrossEntropyLoss', [logits, labels], { reduction: 'none' }, 'cross_entropy');
