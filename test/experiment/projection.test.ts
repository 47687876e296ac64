/** What --dry-run counts, against what the engine counts when it is done. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planExperiment } from '../../src/experiment/plan.ts';
import { project } from '../../src/experiment/projection/index.ts';
import { attackPasses, batchPasses, runPasses } from '../../src/experiment/projection/passes.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import { startRun } from '../../src/runs/train-run.ts';
import { type MethodName, methods } from '../../src/train/index.ts';
import { experimentOf, tinyFolder } from './tiny.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchstone-projection-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Where the data decide, the projection is the most that there can be. */
const AT_MOST: readonly string[] = ['m-deat', 'm-pgd', 'm-trades', 'm-mart', 'fat', 'f-trades', 'f-mart'];

describe('the passes of a run', () => {
  it.each(Object.keys(methods) as MethodName[])('of %s are those that it makes', async (method) => {
    const { recipe, history } = await startRun({
      ...{ method, model: 'mnist-cnn', data: 'mnist', limit: 32, epochs: 2, batchSize: 16, validation: 0 },
      ...{ steps: 3, out: join(home, method), threads: 1, engine: 'onnxruntime', device: 'cpu' },
    });
    for (const { epoch, backwardsPerBatch } of history) {
      const { gradients, updates } = batchPasses(recipe, epoch);
      if (AT_MOST.includes(method)) expect(gradients + updates).toBeGreaterThanOrEqual(backwardsPerBatch);
      else expect(gradients + updates).toBe(backwardsPerBatch);
    }
    if (AT_MOST.includes(method)) return;
    const { gradients, updates } = runPasses(recipe, 32);
    expect(gradients + updates).toBe(history.reduce((sum, e) => sum + e.backwardPasses, 0));
  });
});

it.each([
  ['pgd', { steps: 40, restarts: 2 }, 80, 2],
  ['fgsm', { steps: 1, restarts: 1 }, 1, 1],
  ['apgd-t', { steps: 100, restarts: 1, targets: 9 }, 900, 9],
  ['fab-t', { steps: 100, restarts: 1, targets: 20 }, 900, 9],
  ['square', { queries: 5000 }, 0, 5000],
  ['noise', { restarts: 10 }, 0, 10],
] as const)('%s of %j makes %i gradients of an image', (attack, parameters, gradients, forwards) => {
  // docs/attacks.md, "cost per sample", with 10 classes.
  expect(attackPasses({ attack, parameters }, 10)).toEqual({ gradients, forwards, updates: 0 });
});

it('an experiment is projected job by job, and what is done costs nothing', async () => {
  const { dir, remove } = await tinyFolder();
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 });
  try {
    const plan = await planExperiment({
      experiment: experimentOf({ methods: ['natural', 'pgd'] }),
      folder: dir,
    });
    const [natural, pgd] = plan.cells;
    const all = await project(plan, engine, { workers: 2 });
    expect(all.kinds).toMatchObject({
      train: { jobs: 2 },
      export: { jobs: 2 },
      shard: { jobs: 4 },
      merge: { jobs: 2 },
    });
    expect(all.seconds.get(pgd!.train!)!).toBeGreaterThan(2 * all.seconds.get(natural!.train!)!);
    const sum = [...all.seconds.values()].reduce((a, b) => a + b, 0);
    expect(all.wall).toBeGreaterThanOrEqual(sum / 2);
    expect(all.wall).toBeLessThanOrEqual(sum);
    const rest = await project(plan, engine, { workers: 1, done: new Set(plan.jobs.map(({ id }) => id)) });
    expect(rest).toMatchObject({ wall: 0, kinds: { train: { jobs: 0, seconds: 0 } } });
  } finally {
    await engine.close();
    remove();
  }
});
