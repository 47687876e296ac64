/**
 * In the place of `touchstone` in the scripts: `job` as it is, but that a job is done by writing down when it began and ended; `compare`
 * writes the outcomes. A training whose seed is named in the file `broken` fails.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { executeJob } from '../../src/experiment/execute.ts';
import { jobId, jobSchema } from '../../src/experiment/jobs.ts';
import { collectScheduler, runElement } from '../../src/experiment/slurm/index.ts';
import { openStore } from '../../src/experiment/store/index.ts';
import { DONE, jobKey } from '../../src/experiment/store.ts';
import { planOf } from '../experiment/slurm/plans.ts';

const CODES = { done: 0, failed: 1, refused: 2, skipped: 3 } as const;
const names = ['store', 'work', 'failures', 'data', 'list', 'index', 'threads', 'attempt'];
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
});
const [what, root = '', cells = '0', shards = '0'] = positionals;
const at = (name: string) => join(root || String(values.store), name);

const execute: typeof executeJob = async (payload, { store }) => {
  const job = jobSchema.parse(payload);
  const id = jobId(job);
  const began = Date.now();
  await sleep(50);
  const line = { id, kind: job.kind, began, ended: Date.now(), threads: values.threads };
  appendFileSync(at('journal'), `${JSON.stringify(line)}\n`);
  const broken = existsSync(at('broken')) ? readFileSync(at('broken'), 'utf8') : '';
  if (job.kind === 'train' && String(job.settings.seed) === broken) throw new Error('the disk is on fire');
  const done = { id, kind: job.kind, seconds: 0.05, machine: 'test', finishedAt: '', files: {} };
  await store.put(jobKey(id, DONE), new TextEncoder().encode(JSON.stringify(done)));
  return done;
};

if (what === 'job') {
  const store = await openStore(String(values.store), { create: false });
  const end = await runElement(
    {
      list: String(values.list),
      index: Number(values.index),
      failures: String(values.failures),
      attempt: Number(values.attempt),
    },
    { store, folder: String(values.work), data: new Map() },
    {},
    execute,
  );
  process.exitCode = CODES[end.state];
} else {
  const store = await openStore(at(''), { create: false });
  const outcomes = await collectScheduler({ failures: String(values.failures) })(
    planOf(Number(cells), Number(shards)),
    store,
    {},
  );
  writeFileSync(at('comparison'), JSON.stringify({ at: Date.now(), outcomes: [...outcomes] }));
}
