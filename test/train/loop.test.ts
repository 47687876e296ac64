import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import type { TrainingRecord } from '../../src/report/index.ts';
import {
  type EpochRecord,
  type Progress,
  type Samples,
  type Snapshot,
  schedules,
  type TrainEvent,
  type TrainOptions,
  train,
} from '../../src/train/index.ts';
import { bits } from '../runs/files.ts';
import { blobs, essence, toyRun } from './toy.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const EPOCHS = 3;
const toy = toyRun(
  engine,
  'gaat',
  { start: 'random' },
  { epochs: EPOCHS, stepSize: 0.05, schedule: schedules.flat({ learningRate: 0.2, epochs: EPOCHS }) },
);
const base: TrainOptions = { ...toy, data: blobs(100), validation: blobs(40, 1) };
const { settings } = base;
const BATCHES = 7; // 100 images by 16

async function collect(options: TrainOptions, each?: (event: TrainEvent) => void) {
  const events: TrainEvent[] = [];
  const iterator = train(options);
  for (;;) {
    const { done, value } = await iterator.next();
    if (done) return { events, end: value };
    events.push(value);
    each?.(value);
  }
}
const records = (events: TrainEvent[]): EpochRecord[] =>
  events.flatMap((e) => (e.kind === 'epoch' ? [e.record] : []));
const progress = (events: TrainEvent[]): Progress[] =>
  events.flatMap((e) => (e.kind === 'batch' ? [e.progress] : []));
const lastSnapshot = (events: TrainEvent[]): Snapshot =>
  events.flatMap((e) => (e.kind === 'batch' ? [] : [e.snapshot])).at(-1)!;

describe('train', () => {
  it('learns, and keeps a record per epoch', async () => {
    const { events, end } = await collect(base);
    expect(end).toBe('finished');
    const history = records(events);
    expect(history.map((r) => r.epoch)).toEqual([1, 2, 3]);
    expect(history[2]!.loss).toBeLessThan(history[0]!.loss);
    expect(history[2]!.validationAccuracy).toBeGreaterThan(0.9);
    expect(history[2]!.validationRobustAccuracy).toBeLessThanOrEqual(history[2]!.validationAccuracy!);
    for (const r of history) {
      // GAAT: one gradient and one update per mini-batch; validation is not counted.
      expect(r).toMatchObject({
        batches: BATCHES,
        backwardsPerBatch: 2,
        backwardPasses: 14,
        backwards: 200,
        forwards: 200,
      });
      expect(r.secondsPerPhase.gradient + r.secondsPerPhase.update + r.secondsPerPhase.other).toBeCloseTo(
        r.seconds,
        6,
      );
      expect(r.flipRate).toBeGreaterThanOrEqual(0);
      expect(r.residual).toBeGreaterThan(0);
    }
    // The history is what the report's `training.epochs` takes.
    const forReport: TrainingRecord['epochs'] = history;
    expect(forReport).toHaveLength(3);
  });

  it('tells its progress after every mini-batch', async () => {
    const all = progress((await collect(base)).events);
    expect(all).toHaveLength(3 * BATCHES);
    expect(all.map((p) => p.backwards)).toEqual(all.map((_, i) => 2 * (i + 1)));
    expect(all.at(-1)).toMatchObject({ epoch: 3, epochs: 3, batch: BATCHES, batches: BATCHES });
    expect(all[0]!.secondsLeft).toBeGreaterThan(0);
    for (const p of all) expect(p.accuracy).toBeLessThanOrEqual(1);
  });

  it('feeds the schedule the middle of each mini-batch', async () => {
    const seen: number[] = [];
    const schedule = (epoch: number) => {
      seen.push(epoch);
      return 0.1;
    };
    await collect({ ...base, settings: { ...settings, epochs: 1, schedule } });
    for (let i = 0; i < BATCHES; i++) expect(seen[i]).toBeCloseTo((i + 0.5) / BATCHES, 12);
  });

  it('shuffles anew each epoch and shows each image once', async () => {
    const seen: number[] = [];
    const data: Samples = {
      n: 100,
      batch(indices) {
        seen.push(...Array.from(indices));
        return base.data.batch(indices);
      },
    };
    await collect({ ...base, data });
    const epochs = [0, 1, 2].map((e) => seen.slice(100 * e, 100 * (e + 1)));
    for (const order of epochs) expect(order.toSorted((a, b) => a - b)).toEqual([...Array(100).keys()]);
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it.each([1, BATCHES, BATCHES + 3, 2 * BATCHES])(
    'interrupted after %i mini-batches goes on bit for bit',
    async (stopAt) => {
      const straight = lastSnapshot((await collect(base)).events);
      const stop = new AbortController();
      let seen = 0;
      const first = await collect({ ...base, signal: stop.signal }, (event) => {
        if (event.kind === 'batch' && ++seen === stopAt) stop.abort();
      });
      expect(first.end).toBe('interrupted');
      expect(progress(first.events)).toHaveLength(stopAt); // stops at once
      // Through JSON, as a run folder keeps it.
      const saved = lastSnapshot(first.events);
      const from: Snapshot = {
        ...saved,
        cursor: JSON.parse(JSON.stringify(saved.cursor)) as Snapshot['cursor'],
      };
      const second = await collect({ ...base, from });
      expect(second.end).toBe('finished');
      expect(essence(lastSnapshot(second.events))).toEqual(essence(straight));
      expect(progress(second.events)).toHaveLength(3 * BATCHES - stopAt);
    },
  );

  it('stops during validation too, which is then done after resuming', async () => {
    const stop = new AbortController();
    const original = engine.trainer;
    let runs = 0;
    // The signal comes in the second pass of the first validation.
    const watched: Engine = {
      ...engine,
      async trainer(options) {
        const trainer = await original(options);
        return {
          ...trainer,
          async compile(program) {
            const compiled = await trainer.compile(program);
            return {
              ...compiled,
              run(feeds) {
                if (feeds.x?.shape[0] === 40 && ++runs === 1) stop.abort();
                return compiled.run(feeds);
              },
            };
          },
        };
      },
    };
    const first = await collect({ ...base, engine: watched, signal: stop.signal });
    expect(first.end).toBe('interrupted');
    const from = lastSnapshot(first.events);
    expect(from.cursor).toMatchObject({ epoch: 0, batch: BATCHES });
    const second = await collect({ ...base, from });
    expect(essence(lastSnapshot(second.events))).toEqual(essence(lastSnapshot((await collect(base)).events)));
  });

  it('says where the loss stopped being finite', async () => {
    const schedule = schedules.flat({ learningRate: 1e38, epochs: 3 });
    await expect(collect({ ...base, settings: { ...settings, schedule } })).rejects.toThrow(
      /^E_RANGE: the loss is not finite in epoch [1-3], mini-batch [1-7], expected a finite loss \(the learning rate was 1e\+38\)/,
    );
  });

  it('without validation images records none', async () => {
    const { validation: _, ...rest } = base;
    const [first] = records((await collect(rest)).events);
    expect(first).toMatchObject({
      validationAccuracy: null,
      validationRobustAccuracy: null,
      validationSeconds: 0,
    });
  });
});

describe('early stopping', () => {
  // The rate falls to nothing: after the first epochs nothing changes, so nothing improves.
  const stalled: TrainOptions = {
    ...base,
    settings: { ...settings, epochs: 8, earlyStop: 2, schedule: (epoch) => (epoch < 2 ? 0.2 : 0) },
  };

  it('ends the run and keeps the most robust parameters', async () => {
    const { events, end } = await collect(stalled);
    expect(end).toBe('stopped');
    const { best, history } = lastSnapshot(events);
    const top = Math.max(...history.map((r) => r.validationRobustAccuracy!));
    expect(best!.robustAccuracy).toBe(top);
    expect(best!.epoch).toBe(history.findIndex((r) => r.validationRobustAccuracy === top) + 1);
    expect(history).toHaveLength(best!.epoch + 2);
    const at = events.find((e) => e.kind === 'epoch' && e.record.epoch === best!.epoch);
    expect(at?.kind === 'epoch' && bits(at.snapshot.state.parameters)).toEqual(bits(best!.parameters));
  });

  it('stays stopped when resumed', async () => {
    const { events } = await collect(stalled);
    const again = await collect({ ...stalled, from: lastSnapshot(events) });
    expect(again).toEqual({ events: [], end: 'stopped' });
  });
});
