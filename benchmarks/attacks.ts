/**
 * Attacks of ours, torchattacks, Foolbox, ART and AutoAttack on one model and the same images, in turn: how long they take, how many
 * images they pass, how many stand; and robust accuracy against backward passes.
 *
 *   PYTHONPATH=a checkout of fra31/auto-attack   for AutoAttack's rows
 *   node --import tsx benchmarks/attacks.ts [--model F.onnx] [--data mnist] [--eps 0.1] [--limit 1000] [--rounds 9]
 *     [--tools touchstone,art] [--attacks fgsm,pgd-40] [--threads 2] [--record FILE.json] [--html FILE.html] [--save NAME [--records DIR]]
 */
import { parseOptions } from './attacks/options.ts';
import { benchAttacks } from './attacks/run.ts';
import { attacksTable } from './attacks/table.ts';
import { runBenchmark } from './script.ts';

await runBenchmark({
  name: 'attacks',
  parse: parseOptions,
  run: benchAttacks,
  table: attacksTable,
  page: async () => (await import('./attacks/page.ts')).renderAttacks,
  isFailed: ({ failures }) => failures.length > 0,
});
