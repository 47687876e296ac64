/**
 * GAAT under the lens: how often its second order changes a step, how far its approximation is off, what it gets beside methods
 * of as many backward passes, and the saving that is claimed, that passes promise, and that is measured.
 *
 *   node --import tsx benchmarks/gaat.ts [--data mnist] [--epochs 5] [--limit N] [--runs gaat,rat-10] [--models conv4 | none]
 *     [--eps 0.03,0.1] [--rounds 15] [--attacked 1000] [--engine onnxruntime] [--device cpu] [--threads 2] [--seed 0] [--out runs/bench-gaat]
 *     [--record FILE.json] [--html FILE.html] [--save NAME [--records DIR]]
 */
import { parseOptions } from './gaat/options.ts';
import { benchGaat } from './gaat/run.ts';
import { gaatTables } from './gaat/table.ts';
import { runBenchmark } from './script.ts';

await runBenchmark({
  name: 'gaat',
  parse: parseOptions,
  run: benchGaat,
  table: gaatTables,
  page: async () => (await import('./gaat/page.ts')).renderGaat,
  isFailed: ({ runs }) => runs.some(({ state }) => state === 'failed'),
});
