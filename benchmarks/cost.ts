/**
 * The cost model put to the test: what training runs on MNIST should take by their phases, and what they take.
 *
 *   node --import tsx benchmarks/cost.ts [--methods pgd,gaat] [--epochs 5] [--limit N] [--rounds 40] [--engine onnxruntime]
 *     [--device cpu] [--threads 2] [--data mnist] [--seed 0] [--record FILE.json]
 */
import { createProgress } from '../src/cli/progress.ts';
import { INTERRUPTED } from '../src/cli/training-progress.ts';
import { TouchstoneError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { parseOptions } from './cost/options.ts';
import type { CostRecord } from './cost/record.ts';
import { benchCost } from './cost/run.ts';
import { costTable } from './cost/table.ts';

const toStderr = (line: string) => process.stderr.write(`${line}\n`);

const json = (record: CostRecord): string => `${JSON.stringify(record, null, 1)}\n`;

/** Ends with 0; 1 where a method failed; 2 where the request was wrong; 130 at Ctrl-C, with what there is by then. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort()); // a second one ends the process
  const write = async (record: CostRecord) => {
    if (options.record && options.record !== '-') await writeFileAtomic(options.record, json(record));
  };
  const record = await benchCost(options, {
    progress: createProgress(),
    signal: interrupt.signal,
    onRecord: write,
  });
  await write(record);
  process.stdout.write(options.record === '-' ? json(record) : costTable(record));
  if (record.state === 'interrupted') return INTERRUPTED;
  return record.failures.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  toStderr(`error ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof TouchstoneError ? 2 : 1;
});
