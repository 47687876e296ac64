/** A whole experiment on this machine: with a cell that fails, a worker that is killed, stopped and gone on with. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startChild, type WorkChild } from '../../src/experiment/child/index.ts';
import { localScheduler } from '../../src/experiment/local/index.ts';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/plan.ts';
import { runExperiment } from '../../src/experiment/run.ts';
import type { JobEvent } from '../../src/experiment/scheduler.ts';
import { openStore } from '../../src/experiment/store/index.ts';
import { type Comparison, parseComparison, parseResult } from '../../src/report/index.ts';
import { experimentOf, timeless, tinyFolder } from './tiny.ts';

let home: string;
let remove: () => void;
let plan: ExperimentPlan;
beforeAll(async () => {
  ({ dir: home, remove } = await tinyFolder());
  const diverging = { method: 'natural', label: 'diverging', learningRate: 1e30 };
  plan = await planExperiment({
    experiment: experimentOf({ methods: ['natural', diverging], seeds: [0, 1] }),
    folder: home,
  });
});
afterAll(() => remove());

interface Trial {
  readonly out: string;
  readonly onEvent?: (event: JobEvent, child: WorkChild | undefined) => void;
  readonly signal?: AbortSignal;
}

async function run({ out, onEvent, signal }: Trial): Promise<{ comparison: Comparison; events: JobEvent[] }> {
  const store = await openStore(join(home, out, 'store'));
  const events: JobEvent[] = [];
  let child: WorkChild | undefined;
  const scheduler = localScheduler({
    ...{ workers: 1, threads: 1, attempts: 2, folder: join(home, out, 'work') },
    start: (place) => {
      child = startChild(place);
      return child;
    },
  });
  const comparison = await runExperiment(
    plan,
    { store, scheduler, out: join(home, out) },
    {
      ...(signal && { signal }),
      onEvent(event) {
        events.push(event);
        onEvent?.(event, child);
      },
    },
  );
  return { comparison, events };
}

const of = (events: readonly JobEvent[], state: JobEvent['state']) => events.filter((e) => e.state === state);

let straight: Comparison;
it('gives figures for each cell but those that fail, which are reported with their reason', {
  timeout: 180_000,
}, async () => {
  const { comparison, events } = await run({ out: 'straight' });
  straight = comparison;
  expect(parseComparison(JSON.parse(readFileSync(join(home, 'straight/comparison.json'), 'utf8')))).toEqual(
    comparison,
  );
  expect(readFileSync(join(home, 'straight/comparison.html'), 'utf8')).toContain('diverging');

  const [good, bad] = [comparison.cells.slice(0, 2), comparison.cells.slice(2)];
  for (const { id, figures, failure } of good) {
    expect(failure).toBeNull();
    const result = parseResult(
      JSON.parse(readFileSync(join(home, 'straight/cells', id, 'result.json'), 'utf8')),
    );
    expect(figures).toMatchObject({
      natural: result.clean.accuracy,
      robust: result.robustAccuracy,
      images: 16,
      // 64 images in mini-batches of 32, one backward pass each.
      backwards: 2,
    });
    expect(result.seed).toBe(good.indexOf(comparison.cells.find((c) => c.id === id)!));
  }
  for (const { id, figures, failure } of bad) {
    expect(figures).toBeNull();
    expect(failure).toMatchObject({ job: 'train', reason: expect.stringMatching(/^E_RANGE: [^\n]*$/) });
    expect(existsSync(join(home, 'straight/cells', id))).toBe(false);
  }
  // Each failing training was tried twice; what needs it was not begun.
  expect(of(events, 'failed')).toHaveLength(2);
  expect(of(events, 'retried')).toHaveLength(2);
  expect(of(events, 'skipped')).toHaveLength(2 * 4);
  expect(of(events, 'done')).toHaveLength(2 * 5);
});

it('stopped, killed and begun again, comes to the same', { timeout: 180_000 }, async () => {
  const stop = new AbortController();
  let ended = 0;
  const first = run({
    out: 'chaos',
    signal: stop.signal,
    onEvent: ({ state }) => {
      ended += state === 'done' ? 1 : 0;
      if (ended === 3) stop.abort();
    },
  });
  await expect(first).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  expect(existsSync(join(home, 'chaos/comparison.json'))).toBe(false);

  let killed = 0;
  const { comparison, events } = await run({
    out: 'chaos',
    onEvent: ({ state }, child) => {
      if (state !== 'active' || killed > 0 || child?.pid === undefined) return;
      killed = child.pid;
      process.kill(killed, 'SIGKILL');
    },
  });
  expect(killed).toBeGreaterThan(0);
  expect(
    of(events, 'retried')
      .map(({ reason }) => reason)
      .join(),
  ).toContain('E_ENGINE: the process of the job ended (SIGKILL)');
  // What was done before is not done again.
  expect(of(events, 'done').filter(({ worker }) => worker === undefined)).toHaveLength(3);
  expect(timeless(comparison)).toEqual(timeless(straight));
});
