/**
 * The papers' figures, as data: training runs whose epochs they are drawn of, and sweeps of the networks that came of them.
 * `touchstone claims` draws them.
 *
 *   node --import tsx benchmarks/curves.ts [--figures gaat-1,deat-4] [--data mnist] [--epochs 5] [--limit N] [--attacked 1000]
 *     [--engine onnxruntime] [--device cpu] [--threads 2] [--seed 0] [--out runs/bench-curves] [--record FILE.json] [--save NAME [--records DIR]]
 */
import { parseOptions } from './curves/options.ts';
import { benchCurves } from './curves/run.ts';
import { curvesTable } from './curves/table.ts';
import { runBenchmark } from './script.ts';

await runBenchmark({
  name: 'curves',
  parse: parseOptions,
  run: benchCurves,
  table: curvesTable,
  isFailed: ({ runs }) => runs.some(({ state }) => state === 'failed'),
});
