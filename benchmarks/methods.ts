/**
 * Every training method on the same images, network and epochs: what it costs and how robust it gets, beside what its paper
 * says. It goes on where it was interrupted.
 *
 *   node --import tsx benchmarks/methods.ts [--data mnist] [--epochs 5] [--methods pgd,gaat] [--engine onnxruntime] [--device cpu]
 *     [--limit N] [--attacked 1000] [--threads 2] [--seed 0] [--out runs/bench-methods] [--record FILE.json] [--html FILE.html] [--save NAME [--records DIR]]
 */
import { parseOptions } from './methods/options.ts';
import { benchMethods } from './methods/run.ts';
import { methodsTable } from './methods/table.ts';
import { runBenchmark } from './script.ts';

await runBenchmark({
  name: 'methods',
  parse: parseOptions,
  run: benchMethods,
  table: methodsTable,
  page: async () => (await import('./methods/page.ts')).renderMethods,
  isFailed: ({ methods }) => methods.some(({ state }) => state === 'failed'),
});
