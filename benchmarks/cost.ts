/**
 * The cost model put to the test: what training runs on MNIST should take by their phases, and what they take.
 *
 *   node --import tsx benchmarks/cost.ts [--methods pgd,gaat] [--epochs 5] [--limit N] [--rounds 40] [--engine onnxruntime]
 *     [--device cpu] [--threads 2] [--data mnist] [--seed 0] [--record FILE.json] [--save NAME [--records DIR]]
 */
import { parseOptions } from './cost/options.ts';
import { benchCost } from './cost/run.ts';
import { costTable } from './cost/table.ts';
import { runBenchmark } from './script.ts';

await runBenchmark({
  name: 'cost',
  parse: parseOptions,
  run: benchCost,
  table: costTable,
  isFailed: ({ failures }) => failures.length > 0,
});
