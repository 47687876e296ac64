/**
 * What each phase of training costs: the functions that train, found by their `@phase` tags, per network, method, engine and
 * device; table 3 of the GAAT paper; and whole runs, projected from them.
 *
 *   node --import tsx benchmarks/phases.ts [--models mnist-cnn,resnet18] [--engine onnxruntime,tensorflow] [--device cpu]
 *     [--methods pgd,gaat | all] [--batch 16] [--rounds 10] [--seconds 50] [--threads 2] [--record FILE.json] [--html FILE.html]
 */
import { createProgress } from '../src/cli/progress.ts';
import { INTERRUPTED } from '../src/cli/training-progress.ts';
import { TouchstoneError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { type PhasesOptions, parseOptions } from './phases/options.ts';
import type { PhasesRecord } from './phases/record.ts';
import { benchPhases } from './phases/run.ts';
import { phasesTable } from './phases/table.ts';

const toStderr = (line: string) => process.stderr.write(`${line}\n`);

const json = (record: PhasesRecord): string => `${JSON.stringify(record, null, 1)}\n`;

async function writeFiles(record: PhasesRecord, { record: file, html }: PhasesOptions): Promise<void> {
  if (file && file !== '-') await writeFileAtomic(file, json(record));
  if (!html) return;
  const { renderPhases } = await import('./phases/page.ts');
  await writeFileAtomic(html, renderPhases(record));
}

/** Ends with 0; 1 where something failed; 2 where the request was wrong; 130 at Ctrl-C, with what there is by then. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort()); // a second one ends the process
  const record = await benchPhases(options, {
    progress: createProgress(),
    signal: interrupt.signal,
    onRecord: (soFar) => writeFiles(soFar, options),
  });
  await writeFiles(record, options);
  process.stdout.write(options.record === '-' ? json(record) : phasesTable(record));
  if (record.state === 'interrupted') return INTERRUPTED;
  return record.failures.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  toStderr(`error ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof TouchstoneError ? 2 : 1;
});
