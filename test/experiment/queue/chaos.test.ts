/** The promise of the queue: whatever is killed meanwhile, an experiment ends, and as it ends where nothing is. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadData } from '../../../src/data/index.ts';
import { outputNames, readOutput } from '../../../src/experiment/execute/outputs.ts';
import { localScheduler } from '../../../src/experiment/local/index.ts';
import { type ExperimentPlan, planExperiment } from '../../../src/experiment/plan.ts';
import { queueScheduler, redisPlace } from '../../../src/experiment/queue/index.ts';
import { readExperiment } from '../../../src/experiment/read.ts';
import { runExperiment } from '../../../src/experiment/run.ts';
import type { JobEvent } from '../../../src/experiment/scheduler.ts';
import { openStore } from '../../../src/experiment/store/index.ts';
import type { Store } from '../../../src/experiment/store.ts';
import { encodeNpz } from '../../../src/io/index.ts';
import { type Comparison, parseResult } from '../../../src/report/index.ts';
import { noRedis, type RedisServer, startRedis } from './redis-server.ts';
import { startWorkerProcess, type WorkerProcess } from './workers.ts';

/** Images of the data set. */
const IMAGES = 16;
const KILLS = 20;
const WORKERS = 2;

let folder: string;
let server: RedisServer;
let plan: ExperimentPlan;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-chaos-'));
  plan = await planOf24Cells();
  if (!noRedis) server = await startRedis(join(folder, 'redis'));
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await fs.remove(folder);
});

/** 2 methods × 3 radii × 4 seeds on a few images of MNIST. */
async function planOf24Cells(): Promise<ExperimentPlan> {
  const { images, labels, shape } = await loadData('mnist', 'test');
  const pixels = shape.reduce((a, b) => a * b, 1);
  const few = encodeNpz({
    x: {
      dtype: 'uint8',
      shape: [IMAGES, ...shape],
      data: Uint8Array.from(images.subarray(0, IMAGES * pixels)),
    },
    y: {
      dtype: 'int64',
      shape: [IMAGES],
      data: BigInt64Array.from(Array.from(labels.subarray(0, IMAGES), BigInt)),
    },
  });
  await fs.writeFile(join(folder, 'few.npz'), few);
  await fs.writeJson(join(folder, 'experiment.json'), {
    schema: 'touchstone-experiment/1',
    name: 'chaos',
    methods: ['natural', 'fast'],
    models: ['mnist-cnn'],
    data: ['few.npz'],
    eps: [0.05, 0.1, 0.2],
    seeds: [0, 1, 2, 3],
    training: { epochs: 1, batchSize: 8 },
    audit: { attacks: ['fgsm'], limit: 8, shards: 2, chunk: 4 },
  });
  return planExperiment(await readExperiment(join(folder, 'experiment.json')));
}

/** What must not depend on who did the work, nor on when: somebody may commit meanwhile. */
function lasting({ times: _, ...rest }: Comparison): unknown {
  return withoutTimes(rest);
}

/** The audits' results without their times and machines. A model's file says how long its training took, and so does its hash. */
async function results(store: Store): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { id, merge } of plan.cells) {
    const result = parseResult(
      JSON.parse(new TextDecoder().decode(await readOutput(store, merge, 'result.json'))),
    );
    const { sha256: _, bytes: __, ...model } = result.model;
    found[id] = withoutTimes({ ...result, model });
  }
  return found;
}

const TIMES =
  /seconds|milliseconds|createdAt|startedAt|finishedAt|machine|machines|gitCommit|^touchstone\.(git|exported_by)$/i;

function withoutTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !TIMES.test(key))
      .map(([key, inner]) => [key, withoutTimes(inner)]),
  );
}

describe.skipIf(noRedis)(noRedis ?? 'chaos', () => {
  test('24 cells, 20 kills of workers, 2 of Redis: each cell once, equal to the quiet run', async () => {
    expect(plan.cells).toHaveLength(24);
    const quiet = await openStore(join(folder, 'quiet-store'));
    const scheduler = localScheduler({ workers: WORKERS, threads: 1, folder: join(folder, 'quiet-work') });
    const expected = await runExperiment(plan, { store: quiet, scheduler, out: join(folder, 'quiet') });

    const store = await openStore(join(folder, 'store'));
    const done = new Map<string, number>();
    let [kills, restarts] = [0, 0];
    const workers = Array.from({ length: WORKERS }, (_, i) => start(store, i));
    // A kill each time that some more jobs are done, at a moment of chance.
    const each = Math.floor(plan.jobs.length / (KILLS + 2));
    const chaos: Promise<void>[] = [];
    const kill = async (turn: number) => {
      await new Promise((resolve) => setTimeout(resolve, 400 * Math.random()));
      const at = turn % WORKERS;
      workers[at]!.child.kill('SIGKILL');
      expect(await workers[at]!.ended).toBe('SIGKILL');
      workers[at] = start(store, at);
      if (turn !== 7 && turn !== 14) return;
      await server.restart();
      restarts += 1;
    };
    const onEvent = ({ id, state }: JobEvent) => {
      if (state !== 'done') return;
      done.set(id, (done.get(id) ?? 0) + 1);
      if (kills < KILLS && done.size >= (kills + 1) * each) {
        kills += 1;
        const turn = kills;
        chaos.push((chaos.at(-1) ?? Promise.resolve()).then(() => kill(turn)));
      }
    };
    const queue = queueScheduler({
      redis: redisPlace(server.url, {}),
      tries: { attempts: 3, backoffMs: 100 },
      askMs: 1000,
    });
    const comparison = await runExperiment(
      plan,
      { store, scheduler: queue, out: join(folder, 'out') },
      { onEvent },
    );
    await Promise.all(chaos);
    for (const { child } of workers) child.kill('SIGKILL');

    expect([kills, chaos.length, restarts]).toEqual([KILLS, KILLS, 2]);
    expect([...done.values()]).toEqual(plan.jobs.map(() => 1));
    expect(comparison.cells.map(({ id }) => id)).toEqual(plan.cells.map(({ id }) => id));
    expect(lasting(comparison)).toEqual(lasting(expected));
    expect(await results(store)).toEqual(await results(quiet));
    for (const { id } of plan.jobs)
      expect((await outputNames(store, id)).sort()).toEqual((await outputNames(quiet, id)).sort());
  }, 1_200_000);
});

/** The same work folder each time: what the one before had half done is there. */
const start = (store: Store, at: number): WorkerProcess =>
  startWorkerProcess({
    redis: server.url,
    store: store.name,
    folder: join(folder, `work-${at}`),
    fake: false,
  });
