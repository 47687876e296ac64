/**
 * Attacks of ours, torchattacks, Foolbox, ART and AutoAttack on one model and the same images, in turn: how long they take, how many
 * images they pass, how many stand; and robust accuracy against backward passes.
 *
 *   PYTHONPATH=a checkout of fra31/auto-attack   for AutoAttack's rows
 *   node --import tsx benchmarks/attacks.ts [--model F.onnx] [--data mnist] [--eps 0.1] [--limit 1000] [--rounds 9]
 *     [--tools touchstone,art] [--attacks fgsm,pgd-40] [--threads 2] [--record FILE.json] [--html FILE.html]
 */
import { createProgress } from '../src/cli/progress.ts';
import { INTERRUPTED } from '../src/cli/training-progress.ts';
import { TouchstoneError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { type AttacksOptions, parseOptions } from './attacks/options.ts';
import type { AttacksRecord } from './attacks/record.ts';
import { benchAttacks } from './attacks/run.ts';
import { attacksTable } from './attacks/table.ts';

const toStderr = (line: string) => process.stderr.write(`${line}\n`);

const json = (record: AttacksRecord): string => `${JSON.stringify(record, null, 1)}\n`;

async function writeFiles(record: AttacksRecord, { record: file, html }: AttacksOptions): Promise<void> {
  if (file && file !== '-') await writeFileAtomic(file, json(record));
  if (!html) return;
  const { renderAttacks } = await import('./attacks/page.ts'); // its figures take a second to load
  await writeFileAtomic(html, renderAttacks(record));
}

/** Ends with 0; 1 where an attack failed; 2 where the request was wrong; 130 at Ctrl-C, with what there is by then. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort()); // a second one ends the process
  const record = await benchAttacks(options, {
    progress: createProgress(),
    signal: interrupt.signal,
    onRecord: (soFar) => writeFiles(soFar, options),
  });
  await writeFiles(record, options);
  process.stdout.write(options.record === '-' ? json(record) : attacksTable(record));
  if (record.state === 'interrupted') return INTERRUPTED;
  return record.failures.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  toStderr(`error ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof TouchstoneError ? 2 : 1;
});
