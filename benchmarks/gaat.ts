/**
 * GAAT under the lens: how often its second order changes a step, how far its approximation is off, what it gets beside methods
 * of as many backward passes, and the saving that is claimed, that passes promise, and that is measured.
 *
 *   node --import tsx benchmarks/gaat.ts [--data mnist] [--epochs 5] [--limit N] [--runs gaat,rat-10] [--models conv4 | none]
 *     [--eps 0.03,0.1] [--rounds 15] [--attacked 1000] [--engine onnxruntime] [--device cpu] [--threads 2] [--seed 0] [--out runs/bench-gaat]
 *     [--record FILE.json] [--html FILE.html]
 */
import { createProgress } from '../src/cli/progress.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { type GaatOptions, parseOptions } from './gaat/options.ts';
import type { GaatRecord } from './gaat/record.ts';
import { benchGaat } from './gaat/run.ts';
import { gaatTables } from './gaat/table.ts';
import { runScript } from './runs/script.ts';

const json = (record: GaatRecord): string => `${JSON.stringify(record, null, 1)}\n`;

async function writeFiles(record: GaatRecord, { record: file, html }: GaatOptions): Promise<void> {
  if (file && file !== '-') await writeFileAtomic(file, json(record));
  if (!html) return;
  const { renderGaat } = await import('./gaat/page.ts'); // its figures take a second to load
  await writeFileAtomic(html, renderGaat(record));
}

/** Ends with 0; 1 where a run failed; 2 where the request was wrong; 130 at Ctrl-C. */
await runScript(async (argv, signal) => {
  const options = parseOptions(argv);
  const record = await benchGaat(options, {
    ...{ progress: createProgress(), signal },
    onRecord: (soFar) => writeFiles(soFar, options),
  });
  await writeFiles(record, options);
  process.stdout.write(options.record === '-' ? json(record) : gaatTables(record));
  return record.runs.some(({ state }) => state === 'failed') ? 1 : 0;
});
