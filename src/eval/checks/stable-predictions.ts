import { gather } from '../images.ts';
import { predictAll } from '../verifier.ts';
import type { CheckSpec } from './check.ts';

const RUNS = 5;

/** Predictions that change between runs, with the batch size or with a batch's company. */
export const stablePredictions: CheckSpec = {
  id: 'stable-predictions',
  title: 'The same image gets the same prediction',
  async run({ oracle, x, maxBatch }) {
    const n = x.shape[0]!;
    if (n === 0) return undefined;
    const reference = await predictAll(oracle, x.data, x.shape, maxBatch);
    const differ = (labels: Int32Array) =>
      labels.reduce((sum, v, i) => sum + (v === reference[i] ? 0 : 1), 0);
    let betweenRuns = 0;
    for (let r = 1; r < RUNS; r++)
      betweenRuns = Math.max(betweenRuns, differ(await predictAll(oracle, x.data, x.shape, maxBatch)));
    const alone = differ(await predictAll(oracle, x.data, x.shape, 1));
    const order = Array.from({ length: n }, (_, i) => n - 1 - i);
    const reversed = await predictAll(oracle, gather(x, order).data, x.shape, maxBatch);
    const company = differ(reversed.slice().reverse());
    const worst = Math.max(betweenRuns, alone, company);
    return {
      verdict: betweenRuns > 0 || worst > n / 100 ? 'fail' : worst > 0 ? 'warn' : 'pass',
      figures: { samples: n, runs: RUNS, betweenRuns, atBatchSizeOne: alone, inReversedOrder: company },
      message:
        worst === 0
          ? `${n} predictions are the same in ${RUNS} runs, alone, and in another order.`
          : `${worst} of ${n} predictions change between runs or with the batch: the model is random or depends on the batch.`,
    };
  },
};
