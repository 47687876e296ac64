import { float } from '../../src/graph/index.ts';
import { around } from './rebuilt.ts';
import type { BrokenDefence } from './spec.ts';

/** Deviation of the noise on a pixel. */
const DEVIATION = 0.15;

/** New Gaussian noise on the image in every pass: an attack climbs a loss that is another one each time. */
export const noisy: BrokenDefence = {
  name: 'noisy',
  about: 'Gaussian noise on the image, drawn in the graph',
  check: 'stable-predictions',
  build: (graph) =>
    around(graph, 'noisy', {
      before: (b, x) => {
        const noise = b.op('RandomNormalLike', [x], { mean: float(0), scale: float(DEVIATION) });
        return b.op('Add', [x, noise]);
      },
    }),
};
