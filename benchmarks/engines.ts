/**
 * Engines side by side, per network and phase: onnxruntime, TensorFlow where it is set up, and PyTorch where Python has it,
 * interleaved in one run on the same weights and images.
 *
 *   node --import tsx benchmarks/engines.ts [--models resnet18,vit] [--batch 32] [--engines onnxruntime,pytorch]
 *     [--device cpu] [--phases forward,gradient] [--rounds 11] [--seconds 60] [--threads 2] [--record FILE.json] [--save NAME [--records DIR]]
 */
import { type EnginesOptions, legend, parseOptions } from './engines/options.ts';
import type { EnginesRecord } from './engines/record.ts';
import { benchEngines } from './engines/run.ts';
import { enginesTable } from './engines/table.ts';
import { endAt, runBenchmark } from './script.ts';

const explanation = ({ phases }: EnginesOptions): string =>
  'Milliseconds: median and quartiles of n runs, each round one of each in turn; #fwd and #bwd: passes through the network,\n' +
  `as counted in one run; ÷ PyTorch: its fastest variant.\n${legend(phases)}\n`;

await runBenchmark<EnginesOptions, EnginesRecord>({
  name: 'engines',
  parse: parseOptions,
  run(options, { signal, onRecord }) {
    endAt(signal); // what came of whole models is kept
    return benchEngines(options, { say: (line) => process.stderr.write(`${line}\n`), onRecord });
  },
  table: (record, options) => `${enginesTable(record)}${explanation(options)}`,
  isFailed: ({ failures }) => failures.length > 0,
});
