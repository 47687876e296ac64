/**
 * Engines side by side, per network and phase: onnxruntime, TensorFlow where it is set up, and PyTorch where Python has it,
 * interleaved in one run on the same weights and images.
 *
 *   node --import tsx benchmarks/engines.ts [--models resnet18,vit] [--batch 32] [--engines onnxruntime,pytorch]
 *     [--device cpu] [--phases forward,gradient] [--rounds 11] [--seconds 60] [--threads 2] [--record FILE.json]
 */
import { TouchstoneError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { type EnginesOptions, legend, parseOptions } from './engines/options.ts';
import { benchEngines } from './engines/run.ts';
import { enginesTable } from './engines/table.ts';

const toStderr = (line: string) => process.stderr.write(`${line}\n`);

/** Ends with 0; 1 where something failed; 2 where the request was wrong. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  const record = await benchEngines(options, toStderr);
  const json = `${JSON.stringify(record, null, 1)}\n`;
  if (options.record === '-') process.stdout.write(json);
  else process.stdout.write(`${enginesTable(record)}${explanation(options)}`);
  if (options.record && options.record !== '-') await writeFileAtomic(options.record, json);
  return record.failures.length > 0 ? 1 : 0;
}

const explanation = ({ phases }: EnginesOptions): string =>
  'Milliseconds: median and quartiles of n runs, each round one of each in turn; #fwd and #bwd: passes through the network,\n' +
  `as counted in one run; ÷ PyTorch: its fastest variant.\n${legend(phases)}\n`;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  toStderr(`error ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof TouchstoneError ? 2 : 1;
});
