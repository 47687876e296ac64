import { around } from './rebuilt.ts';
import type { BrokenDefence } from './spec.ts';

/** 1 for the predicted class and 0 for the others: nothing that a small change of the image changes. */
export const hardLabels: BrokenDefence = {
  name: 'hard-labels',
  about: 'the predicted class instead of logits',
  check: 'zero-gradients',
  build: (graph) =>
    around(graph, 'hard-labels', {
      behind: (b, logits) => {
        const classes = b.shape(logits)[1] as number;
        const label = b.op('ArgMax', [logits], { axis: 1, keepdims: 0 });
        return b.op('OneHot', [label, b.ints([classes]), b.floats([0, 1])], { axis: 1 });
      },
    }),
};
