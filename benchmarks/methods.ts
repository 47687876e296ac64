/**
 * Every training method on the same images, network and epochs: what it costs and how robust it gets, beside what its paper
 * says. It goes on where it was interrupted.
 *
 *   node --import tsx benchmarks/methods.ts [--data mnist] [--epochs 5] [--methods pgd,gaat] [--engine onnxruntime] [--device cpu]
 *     [--limit N] [--attacked 1000] [--threads 2] [--seed 0] [--out runs/bench-methods] [--record FILE.json] [--html FILE.html]
 */
import { createProgress } from '../src/cli/progress.ts';
import { INTERRUPTED } from '../src/cli/training-progress.ts';
import { TouchstoneError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { type MethodsOptions, parseOptions } from './methods/options.ts';
import type { MethodsRecord } from './methods/record.ts';
import { benchMethods } from './methods/run.ts';
import { methodsTable } from './methods/table.ts';

const toStderr = (line: string) => process.stderr.write(`${line}\n`);

const json = (record: MethodsRecord): string => `${JSON.stringify(record, null, 1)}\n`;

async function writeFiles(record: MethodsRecord, { record: file, html }: MethodsOptions): Promise<void> {
  if (file && file !== '-') await writeFileAtomic(file, json(record));
  if (!html) return;
  const { renderMethods } = await import('./methods/page.ts'); // its figures take a second to load
  await writeFileAtomic(html, renderMethods(record));
}

/** Ends with 0; 1 where a method failed; 2 where the request was wrong; 130 at Ctrl-C. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort()); // a second one ends the process
  const record = await benchMethods(options, {
    progress: createProgress(),
    signal: interrupt.signal,
    onRecord: (soFar) => writeFiles(soFar, options),
  });
  await writeFiles(record, options);
  process.stdout.write(options.record === '-' ? json(record) : methodsTable(record));
  return record.methods.some(({ state }) => state === 'failed') ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof Error && error.name === 'AbortError') {
    toStderr('stopped and saved; the same command goes on from here');
    return INTERRUPTED;
  }
  toStderr(`error ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof TouchstoneError ? 2 : 1;
});
