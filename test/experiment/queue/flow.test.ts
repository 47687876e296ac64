import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDone } from '../../../src/experiment/execute/outputs.ts';
import { queueScheduler, queueStatus, redisPlace } from '../../../src/experiment/queue/index.ts';
import type { JobEvent, Outcome, Plan } from '../../../src/experiment/scheduler.ts';
import { openStore } from '../../../src/experiment/store/index.ts';
import type { Store } from '../../../src/experiment/store.ts';
import { cell, planOf } from './plans.ts';
import { noRedis, type RedisServer, startRedis } from './redis-server.ts';
import { startWorkerProcess, type WorkerProcess, type WorkerRequest } from './workers.ts';

let folder: string;
let server: RedisServer;
let store: Store;
/** Does the jobs of most tests, three at once. */
let worker: WorkerProcess;
let count = 0;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-queue-'));
  if (noRedis) return;
  server = await startRedis(join(folder, 'redis'));
  store = await openStore(join(folder, 'store'));
  worker = startWorker({ concurrency: 3 });
});
afterAll(async () => {
  worker?.child.kill('SIGKILL');
  await worker?.ended;
  await server?.stop();
  await fs.remove(folder);
});

function startWorker(options: Partial<WorkerRequest> = {}): WorkerProcess {
  count += 1;
  return startWorkerProcess({
    redis: server.url,
    store: store.name,
    folder: join(folder, `work-${count}`),
    ...options,
  });
}

const begun = () => worker.text().match(/begun: /g)?.length ?? 0;

const schedule = (plan: Plan, controls: { onEvent?: (event: JobEvent) => void; signal?: AbortSignal } = {}) =>
  queueScheduler({
    redis: redisPlace(server.url, {}),
    tries: { attempts: 3, backoffMs: 50 },
    askMs: 300,
  })(plan, store, controls);

const states = (outcomes: ReadonlyMap<string, Outcome>) => [...outcomes.values()].map(({ state }) => state);

describe.skipIf(noRedis)(noRedis ?? 'the queue', () => {
  test('a plan whose cells share jobs: each job once, after its needs; adding it again does nothing', async () => {
    const plan = planOf('whole', cell(1, { shards: 3, epsilons: [0.1, 0.2] }), cell(2, { shards: 2 }));
    const events: JobEvent[] = [];
    const outcomes = await schedule(plan, { onEvent: (event) => events.push(event) });
    expect(states(outcomes)).toEqual(plan.jobs.map(() => 'done'));
    const done = events.filter(({ state }) => state === 'done').map(({ id }) => id);
    expect(done.sort()).toEqual(plan.jobs.map(({ id }) => id).sort());
    // Each after its needs.
    const ended = (id: string) => {
      const outcome = outcomes.get(id);
      return outcome?.state === 'done' ? Date.parse(outcome.done.finishedAt) : Number.NaN;
    };
    for (const { id, needs } of plan.jobs)
      for (const need of needs) expect(ended(need)).toBeLessThanOrEqual(ended(id));
    expect(begun()).toBe(plan.jobs.length);
    expect(await schedule(plan)).toEqual(outcomes);
    expect(begun()).toBe(plan.jobs.length);
  });

  test('a job that fails is tried three times, then reported; what needs it is left out, the rest goes on', async () => {
    const good = cell(11);
    const bad = cell(12, { train: { fail: 99 } });
    const shaky = cell(13, { audit: { fail: 2, only: 1 } });
    const half = cell(14, { audit: { fail: 99, only: 2 }, shards: 3 });
    const outcomes = await schedule(planOf('failing', good, bad, shaky, half));
    const of = (jobs: typeof good) => jobs.map(({ id }) => outcomes.get(id));
    expect(of(good).map((o) => o?.state)).toEqual(Array(5).fill('done'));
    expect(of(shaky).map((o) => o?.state)).toEqual(Array(5).fill('done'));
    expect(of(bad)).toEqual([
      { state: 'failed', reason: 'failed as told at try 3', attempts: 3 },
      ...Array(4).fill({ state: 'skipped', because: bad[0]!.id }),
    ]);
    expect(of(half).map((o) => o?.state)).toEqual(['done', 'done', 'done', 'failed', 'done', 'skipped']);
    const { failed, experiments } = await queueStatus(redisPlace(server.url, {}));
    expect(failed.find(({ id }) => id === bad[0]!.id)).toMatchObject({
      title: 'train of fake 12',
      experiment: 'failing',
      reason: 'failed as told at try 3',
      attempts: 3,
    });
    expect(experiments.find(({ name }) => name === 'failing')?.counts?.failed).toBeGreaterThanOrEqual(2);
  });

  test('what failed is tried anew by the next run of the experiment', async () => {
    const plan = planOf('anew', cell(21, { train: { fail: 4 } }), cell(22, { audit: { fail: 4, only: 1 } }));
    expect(states(await schedule(plan))).toContain('failed');
    expect(states(await schedule(plan))).toEqual(plan.jobs.map(() => 'done'));
  });

  test('a crash of the job takes neither its worker nor the experiment along', async () => {
    const plan = planOf('crash', cell(31, { train: { crash: 1 } }));
    expect(states(await schedule(plan))).toEqual(plan.jobs.map(() => 'done'));
    expect(worker.text()).toMatch(
      /failed: train of fake 31: E_ENGINE: the process of the job ended \(SIGSEGV\)/,
    );
    expect(worker.child.exitCode).toBeNull();
  });

  test('a stopped run leaves the workers working, and finds what they did', async () => {
    const plan = planOf('left', cell(61, { train: { sleep: 300 } }));
    const stop = new AbortController();
    const all = schedule(plan, { signal: stop.signal, onEvent: () => stop.abort() });
    await expect(all).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    const last = plan.jobs.at(-1)!.id;
    await expect.poll(() => isDone(store, last), { timeout: 15_000 }).toBe(true);
    expect(states(await schedule(plan))).toEqual(plan.jobs.map(() => 'done'));
  });

  test('two experiments that share a model: it is trained once, and both end', async () => {
    const [one, two] = [
      planOf('one', cell(71, { train: { sleep: 400 } })),
      planOf('two', cell(71, { train: { sleep: 400 }, epsilons: [0.3] })),
    ];
    const [a, b] = await Promise.all([
      schedule(one),
      new Promise((resolve) => setTimeout(resolve, 200)).then(() => schedule(two)),
    ]);
    expect([...states(a), ...states(b)]).toEqual([...one.jobs, ...two.jobs].map(() => 'done'));
    expect(worker.text().match(/begun: train of fake 71/g)).toHaveLength(1);
  }, 40_000);

  test('status says what runs where', async () => {
    const plan = planOf('shown', cell(81, { train: { sleep: 1500 } }));
    const all = schedule(plan);
    await expect.poll(() => worker.text(), { timeout: 10_000 }).toContain('begun: train of fake 81');
    await expect
      .poll(async () => (await queueStatus(redisPlace(server.url, {}))).active[0]?.worker)
      .toMatch(new RegExp(`:${worker.child.pid}$`));
    const status = await queueStatus(redisPlace(server.url, {}));
    expect(status.active[0]).toMatchObject({ title: 'train of fake 81', experiment: 'shown', attempt: 1 });
    expect(status.workers).toMatchObject([{ pid: worker.child.pid, devices: ['cpu'], concurrency: 3 }]);
    expect(JSON.stringify(status)).not.toContain('pa:ss');
    expect(states(await all)).toEqual(plan.jobs.map(() => 'done'));
  });

  test('SIGTERM puts a job back and spends no try; a killed worker’s job is done by another', async () => {
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
    const plan = planOf('handed on', cell(91, { train: { sleep: 3000 } }));
    const all = schedule(plan);
    const first = startWorker();
    await expect.poll(() => first.text(), { timeout: 15_000 }).toContain('begun: train of fake 91');
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    expect(first.text()).toContain('put back: train of fake 91');
    expect((await queueStatus(redisPlace(server.url, {}))).active).toEqual([]);
    const second = startWorker();
    await expect.poll(() => second.text(), { timeout: 15_000 }).toContain('begun: train of fake 91');
    expect((await queueStatus(redisPlace(server.url, {}))).active[0]?.attempt).toBe(1);
    second.child.kill('SIGKILL');
    worker = startWorker({ concurrency: 2 });
    expect(states(await all)).toEqual(plan.jobs.map(() => 'done'));
  }, 60_000);
});
