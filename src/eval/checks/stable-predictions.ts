import { gather } from '../images.ts';
import type { CheckSpec } from './check.ts';
import { differenceOf, scoresOf } from './scores.ts';

const RUNS = 5;

/** Predictions and scores that change between runs; predictions that change alone, or in another order. */
export const stablePredictions: CheckSpec = {
  id: 'stable-predictions',
  title: 'The same image gets the same prediction',
  async run({ oracle, x, maxBatch }) {
    const n = x.shape[0]!;
    if (n === 0) return undefined;
    const reference = await scoresOf(oracle, x, maxBatch);
    let [betweenRuns, drift, moved] = [0, 0, 0];
    for (let r = 1; r < RUNS; r++) {
      const { labels, rows, largest } = differenceOf(reference, await scoresOf(oracle, x, maxBatch), n);
      betweenRuns = Math.max(betweenRuns, labels);
      moved = Math.max(moved, rows);
      drift = Math.max(drift, largest);
    }
    const alone = differenceOf(reference, await scoresOf(oracle, x, 1), n).labels;
    const order = Array.from({ length: n }, (_, i) => n - 1 - i);
    const reversed = await scoresOf(oracle, gather(x, order), maxBatch);
    const inOrder = gather({ data: reversed, shape: [n, reversed.length / n] }, order).data;
    const company = differenceOf(reference, inOrder, n).labels;
    const worst = Math.max(betweenRuns, alone, company);
    return {
      // A model that draws lots does so for every image: one is enough.
      verdict: betweenRuns > 0 || moved > 0 || worst > n / 100 ? 'fail' : worst > 0 ? 'warn' : 'pass',
      figures: {
        samples: n,
        runs: RUNS,
        betweenRuns,
        atBatchSizeOne: alone,
        inReversedOrder: company,
        largestChange: drift,
      },
      message:
        worst > 0
          ? `${worst} of ${n} predictions change between runs or with the batch: the model is random or depends on the batch.`
          : moved > 0
            ? `The scores of ${moved} of ${n} images change between runs: the model is random.`
            : `${n} predictions are the same in ${RUNS} runs, alone, and in another order.`,
    };
  },
};
