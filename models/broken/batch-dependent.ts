import { float, float32, type Value } from '../../src/graph/index.ts';
import { around } from './rebuilt.ts';
import type { BrokenDefence } from './spec.ts';

/**
 * Logits normalised by the batch that they are in (BatchNormalization left in training mode): a prediction depends on the
 * images beside it, and an example that was found in one company is none in another.
 */
export const batchDependent: BrokenDefence = {
  name: 'batch-dependent',
  about: 'BatchNormalization in training mode on the logits',
  check: 'batch-composition',
  build: (graph) =>
    around(graph, 'batch-dependent', {
      behind: (b, logits) => {
        const classes = b.shape(logits)[1] as number;
        const filled = (name: string, value: number): Value =>
          b.initializer(b.fresh(name), float32(new Float32Array(classes).fill(value)));
        const inputs = [logits, filled('scale', 1), filled('bias', 0), filled('mean', 0), filled('var', 1)];
        return b.ops('BatchNormalization', inputs, { training_mode: 1, epsilon: float(1e-5) }, 3)[0]!;
      },
    }),
};
