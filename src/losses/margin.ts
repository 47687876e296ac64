import type { Loss } from './loss.ts';

/** Far below any logit, and exact when multiplied by 0 and added. */
const FAR = 1e30;

/**
 * The margin loss, max_{i≠y} z_i − z_y: positive exactly where the sample is misclassified.
 *
 * Carlini and Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017, f₆ without its clamp.
 */
export const margin: Loss = (b, logits, labels) => {
  const classes = b.shape(logits)[1];
  if (typeof classes !== 'number') throw new Error('the number of classes must be known');
  const onehot = b.op('OneHot', [labels, b.ints([classes]), b.floats([0, 1])], { axis: 1 });
  const axes = b.ints([1]);
  const own = b.op('ReduceSum', [b.op('Mul', [logits, onehot]), axes], { keepdims: 0 });
  const others = b.op('Sub', [logits, b.op('Mul', [onehot, b.scalar(FAR)])]);
  const best = b.op('ReduceMax', [others, axes], { keepdims: 0 });
  return b.op('Sub', [best, own], {}, 'margin');
};
