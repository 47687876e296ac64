/**
 * The papers' figures, as data: training runs whose epochs they are drawn of, and sweeps of the networks that came of them.
 * `touchstone claims` draws them.
 *
 *   node --import tsx benchmarks/curves.ts [--figures gaat-1,deat-4] [--data mnist] [--epochs 5] [--limit N] [--attacked 1000]
 *     [--engine onnxruntime] [--device cpu] [--threads 2] [--seed 0] [--out runs/bench-curves] [--record FILE.json]
 */
import { createProgress } from '../src/cli/progress.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { parseOptions } from './curves/options.ts';
import type { CurvesRecord } from './curves/record.ts';
import { benchCurves } from './curves/run.ts';
import { curvesTable } from './curves/table.ts';
import { runScript } from './runs/script.ts';

const json = (record: CurvesRecord): string => `${JSON.stringify(record, null, 1)}\n`;

/** Ends with 0; 1 where a run failed; 2 where the request was wrong; 130 at Ctrl-C. */
await runScript(async (argv, signal) => {
  const options = parseOptions(argv);
  const write = async (record: CurvesRecord) => {
    if (options.record && options.record !== '-') await writeFileAtomic(options.record, json(record));
  };
  const record = await benchCurves(options, { progress: createProgress(), signal, onRecord: write });
  await write(record);
  process.stdout.write(options.record === '-' ? json(record) : curvesTable(record));
  return record.runs.some(({ state }) => state === 'failed') ? 1 : 0;
});
