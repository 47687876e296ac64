/**
 * A worker's child that does no work, but as its job's settings say: `sleep` milliseconds, `fail` so many times, `crash` so many
 * times. What it leaves in the store is of the job's hash alone. Each begin is a line in `begun` beside its work.
 */
import { join } from 'node:path';
import fs from 'fs-extra';
import { serve } from '../../../src/experiment/child/serve.ts';
import { isDone, leave, readDone } from '../../../src/experiment/execute/outputs.ts';
import { type Job, jobId, jobSchema, needsOf } from '../../../src/experiment/jobs.ts';
import { openStore } from '../../../src/experiment/store/index.ts';

serve(async (payload, place, { onProgress, signal }) => {
  const job = jobSchema.parse(payload);
  const id = jobId(job);
  const store = await openStore(place.store, { create: false });
  const before = await readDone(store, id);
  if (before) return before;
  for (const need of needsOf(job)) if (!(await isDone(store, need))) throw new Error(`${need} is not done`);
  await fs.ensureDir(place.folder);
  const begun = join(place.folder, `${id}.begun`);
  await fs.appendFile(begun, `${process.pid}\n`);
  const times = (await fs.readFile(begun, 'utf8')).split('\n').length - 1;
  const { sleep, fail, crash } = orders(job);
  onProgress?.(0.5, 'half way');
  for (let waited = 0; waited < sleep; waited += 20) {
    signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (times <= crash) process.kill(process.pid, 'SIGSEGV');
  if (times <= fail) throw new Error(`failed as told\nat try ${times}`);
  const path = join(place.folder, `${id}.txt`);
  await fs.writeFile(path, `output of ${id}\n`);
  return leave(store, job, sleep / 1000, new Map([['output.txt', path]]));
});

function orders(job: Job): { sleep: number; fail: number; crash: number } {
  const told: Readonly<Record<string, unknown>> =
    job.kind === 'train' ? job.settings : 'parameters' in job ? (job.parameters ?? {}) : {};
  const number = (name: string) => (typeof told[name] === 'number' ? told[name] : 0);
  const only = number('only');
  if (job.kind === 'shard' && only > 0 && job.index !== only)
    return { sleep: number('sleep'), fail: 0, crash: 0 };
  if (job.kind === 'merge') return { sleep: 0, fail: 0, crash: 0 };
  return { sleep: number('sleep'), fail: number('fail'), crash: number('crash') };
}
