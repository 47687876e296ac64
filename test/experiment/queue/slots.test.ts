import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Job, jobId } from '../../../src/experiment/jobs.ts';
import { Slots } from '../../../src/experiment/queue/slots.ts';
import { openStore } from '../../../src/experiment/store/index.ts';
import { trainJob } from './plans.ts';

let folder: string;
let slots: Slots;
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-slots-'));
  const store = join(folder, 'store');
  await (await openStore(store)).close();
  const place = { store, folder: join(folder, 'work'), data: new Map<string, string>() };
  slots = new Slots(place, new URL('./fake-child.ts', import.meta.url));
});
afterEach(async () => {
  slots.kill();
  await fs.remove(folder);
});

/** Runs a job. @returns the process that did it, at its last try */
async function processOf(job: Job): Promise<number> {
  await slots.run(job, {});
  const begun = await fs.readFile(join(folder, 'work', `${jobId(job)}.begun`), 'utf8');
  return Number(begun.trim().split('\n').at(-1));
}

const distinct = (list: readonly number[]): number[] => [...new Set(list)].sort((a, b) => a - b);

it('jobs are done by processes that were there before them', async () => {
  slots.warm(2);
  slots.warm(2); // nothing more
  const warm = distinct(slots.pids);
  expect(warm).toHaveLength(2);
  const together = await Promise.all([1, 2].map((seed) => processOf(trainJob(seed, { sleep: 300 }))));
  expect(distinct(together)).toEqual(warm);
  const later = await Promise.all([3, 4].map((seed) => processOf(trainJob(seed))));
  expect(distinct([...warm, ...later])).toEqual(warm);
}, 30_000);

it('one that has died meanwhile is replaced', async () => {
  slots.warm(1);
  const [first] = slots.pids;
  process.kill(first!, 'SIGKILL');
  while (slots.pids.length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const second = await processOf(trainJob(1));
  expect(second).not.toBe(first);
  expect(slots.pids).toEqual([second]);
}, 30_000);

it('more jobs than were expected get processes of their own', async () => {
  slots.warm(1);
  const used = await Promise.all([1, 2, 3].map((seed) => processOf(trainJob(seed, { sleep: 300 }))));
  expect(distinct(used)).toHaveLength(3);
}, 30_000);
