import { around } from './rebuilt.ts';
import type { BrokenDefence } from './spec.ts';

/** The ripple's height, below what changes a prediction, and how many there are from black to white. */
const [HEIGHT, WAVES] = [0.02, 50];

/**
 * x + a·sin(2πkx): a ripple on every pixel that hardly changes it, and whose slope 1 + 2πka·cos(2πkx) is anything from −5 to 7
 * (shattered gradients, Athalye, Carlini, Wagner, arXiv:1802.00420, §3).
 */
export const shattered: BrokenDefence = {
  name: 'shattered',
  about: 'a fine ripple on every pixel',
  check: 'finite-differences',
  build: (graph) =>
    around(graph, 'shattered', {
      before: (b, x) => {
        const waves = b.op('Sin', [b.op('Mul', [x, b.scalar(2 * Math.PI * WAVES)])]);
        return b.op('Add', [x, b.op('Mul', [waves, b.scalar(HEIGHT)])]);
      },
    }),
};
