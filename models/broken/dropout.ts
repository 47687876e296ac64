import type { Tensor } from '../../src/graph/index.ts';
import { around } from './rebuilt.ts';
import type { BrokenDefence } from './spec.ts';

/** Share of the pixels that are set to 0. */
const RATIO = 0.3;

const yes: Tensor = { dtype: 'bool', shape: [], data: Uint8Array.of(1) };

/** Dropout on the image, left in training mode by an export: other pixels go missing in every pass. */
export const dropout: BrokenDefence = {
  name: 'dropout',
  about: 'Dropout in training mode on the image',
  check: 'stable-predictions',
  build: (graph) =>
    around(graph, 'dropout', {
      before: (b, x) => b.ops('Dropout', [x, b.scalar(RATIO), b.constant(yes, 'training')], {}, 1)[0]!,
    }),
};
