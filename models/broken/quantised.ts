import { around } from './rebuilt.ts';
import type { BrokenDefence } from './spec.ts';

/** Values that a pixel may have: 3 bits. */
const LEVELS = 7;

/**
 * Pixels rounded to 3 bits (feature squeezing, Xu, Evans, Qi, arXiv:1704.01155): a staircase, whose gradient is zero wherever it
 * exists.
 */
export const quantised: BrokenDefence = {
  name: 'quantised',
  about: 'pixels rounded to 3 bits',
  check: 'finite-differences',
  build: (graph) =>
    around(graph, 'quantised', {
      before: (b, x) => b.op('Div', [b.op('Round', [b.op('Mul', [x, b.scalar(LEVELS)])]), b.scalar(LEVELS)]),
    }),
};
