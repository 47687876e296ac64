/**
 * What each phase of training costs: the functions that train, found by their `@phase` tags, per network, method, engine and
 * device; table 3 of the GAAT paper; and whole runs, projected from them.
 *
 *   node --import tsx benchmarks/phases.ts [--models mnist-cnn,resnet18] [--engine onnxruntime,tensorflow] [--device cpu]
 *     [--methods pgd,gaat | all] [--batch 16] [--rounds 10] [--seconds 50] [--threads 2] [--record FILE.json] [--html FILE.html] [--save NAME [--records DIR]]
 */
import { parseOptions } from './phases/options.ts';
import { benchPhases } from './phases/run.ts';
import { phasesTable } from './phases/table.ts';
import { runBenchmark } from './script.ts';

await runBenchmark({
  name: 'phases',
  parse: parseOptions,
  run: benchPhases,
  table: phasesTable,
  page: async () => (await import('./phases/page.ts')).renderPhases,
  isFailed: ({ failures }) => failures.length > 0,
});
