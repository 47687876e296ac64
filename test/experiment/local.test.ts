/** The order in which jobs are given out, without doing them. */
import { describe, expect, it } from 'vitest';
import type { JobDone } from '../../src/experiment/execute/workplace.ts';
import { type Job, jobId, jobVersion } from '../../src/experiment/jobs.ts';
import { queueOf } from '../../src/experiment/local/queue.ts';
import { trackerOf } from '../../src/experiment/progress.ts';
import type { PlannedJob } from '../../src/experiment/scheduler.ts';

const engine = { name: 'onnxruntime', device: 'cpu' } as const;
const train = (seed: number): Job => ({
  ...{ schema: 'touchstone-job/1', version: jobVersion(), kind: 'train' },
  ...{ settings: { seed }, data: { name: 'mnist' }, engine },
});
const exported = (of: string): Job => ({
  schema: 'touchstone-job/1',
  version: jobVersion(),
  kind: 'export',
  train: of,
});

const planned = (job: Job, needs: string[], cells: string[]): PlannedJob => ({
  ...{ id: jobId(job), job, needs, title: cells[0]!, cells },
});

/** Trainings with an export each. */
const pairs = (n: number): PlannedJob[] =>
  Array.from({ length: n }, (_, seed) => {
    const first = planned(train(seed), [], [`cell ${seed}`]);
    return [first, planned(exported(first.id), [first.id], [`cell ${seed}`])];
  }).flat();

const done = (id: string): JobDone => ({
  id,
  kind: 'train',
  seconds: 1,
  machine: 'm',
  finishedAt: '',
  files: {},
});

describe('the queue of one machine', () => {
  it('ends a cell before it begins another, and gives each job out once', async () => {
    const jobs = pairs(3);
    const queue = queueOf(jobs);
    const order: string[] = [];
    for (let job = await queue.take(); job; job = await queue.take()) {
      order.push(job.id);
      queue.done(job.id, done(job.id));
    }
    expect(order).toEqual(jobs.map(({ id }) => id));
  });

  it('lets a worker wait for what another does', async () => {
    const [first, second] = pairs(1) as [PlannedJob, PlannedJob];
    const queue = queueOf([first, second]);
    expect(await queue.take()).toBe(first);
    const waiting = queue.take();
    queue.done(first.id, done(first.id));
    expect(await waiting).toBe(second);
    const none = queue.take();
    queue.done(second.id, done(second.id));
    expect(await none).toBeUndefined();
  });

  it('tries as often as it may, then leaves out what needs the job, and goes on with the rest', async () => {
    const jobs = pairs(2);
    const queue = queueOf(jobs);
    const failing = (await queue.take())!;
    expect(queue.failed(failing.id, 'why', 2)).toBe(true);
    const other = (await queue.take())!;
    expect(other.id).not.toBe(failing.id);
    expect((await queue.take())!.id).toBe(failing.id);
    expect(queue.failed(failing.id, 'why again', 2)).toBe(false);
    expect(queue.outcomes.get(failing.id)).toEqual({ state: 'failed', reason: 'why again', attempts: 2 });
    expect(queue.outcomes.get(jobs[1]!.id)).toEqual({ state: 'skipped', because: failing.id });
    queue.done(other.id, done(other.id));
    expect((await queue.take())!.id).toBe(jobs[3]!.id);
    expect(queue.left).toBe(1);
  });

  it('wakes those who wait when it is stopped', async () => {
    const stop = new AbortController();
    const queue = queueOf(pairs(1), stop.signal);
    await queue.take();
    const waiting = queue.take();
    stop.abort();
    expect(await waiting).toBeUndefined();
  });

  it('gives out 100,000 jobs in seconds', { timeout: 20_000 }, async () => {
    const one = planned(train(0), [], ['cell']);
    const many = Array.from(
      { length: 100_000 },
      (_, i): PlannedJob => ({ ...one, id: String(i), needs: i < 10 ? [] : ['0'] }),
    );
    const queue = queueOf(many);
    let count = 0;
    for (let job = await queue.take(); job; job = await queue.take(), count += 1)
      queue.done(job.id, done(job.id));
    expect(count).toBe(100_000);
  });
});

describe('progress', () => {
  it('weighs jobs by what those of their kind took, and counts cells', () => {
    const jobs = pairs(2);
    const [a, b, c] = jobs.map(({ id }) => id) as [string, string, string];
    const tracker = trackerOf({ name: 'x', jobs, data: new Map() });
    expect(tracker.progress()).toMatchObject({ fraction: 0, cells: { done: 0, all: 2 } });
    expect(tracker.note({ id: a, state: 'done', seconds: 90 })).toEqual([]);
    expect(tracker.note({ id: b, state: 'done', seconds: 10 })).toEqual(['cell 0: done']);
    // One training (90 s) and one export (10 s) of two each.
    expect(tracker.progress().fraction).toBeCloseTo(0.5, 12);
    tracker.note({ id: c, state: 'active', fraction: 0.5, stage: 'epoch 1/2' });
    expect(tracker.progress().fraction).toBeCloseTo((100 + 45) / 200, 12);
    expect(tracker.note({ id: c, state: 'retried', reason: 'why' })[0]).toContain('is tried again: why');
    expect(tracker.note({ id: c, state: 'failed', reason: 'why' })[0]).toBe('train of cell 1 failed: why');
    expect(tracker.note({ id: jobs[3]!.id, state: 'skipped' })).toEqual(['cell 1: failed']);
    expect(tracker.progress()).toMatchObject({
      fraction: 1,
      cells: { done: 1, failed: 1 },
      jobs: { done: 4 },
    });
  });
});
