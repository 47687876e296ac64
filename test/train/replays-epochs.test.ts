/** Replayed and single-step methods over whole epochs: passes counted, rules between epochs, interruption. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';

import { integers, key, uniform } from '../../src/random/index.ts';

import {
  commonDefaults,
  type EpochRecord,
  type Method,
  methods,
  type Samples,
  type Snapshot,
  schedules,
  type TrainOptions,
  type TrainSettings,
  train,
} from '../../src/train/index.ts';

import { bits } from '../runs/files.ts';
import { linearModel, SHAPE, SIZE } from './linear.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const CLASSES = 4;
const root = key(17);
const model = linearModel(root.fold('model'), CLASSES);
const EPSILON = 0.1;

const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));

describe('over epochs', () => {
  const BATCHES = 7; // 100 images by 16

  /** Blobs around one centre per class. */
  const data: Samples = (() => {
    const y = integers(root.fold('y'), 100, CLASSES);
    const x = uniform(root.fold('noise'), 100 * SIZE, -0.2, 0.2).map((v, i) =>
      clip(v + ((i % SIZE) % CLASSES === y[Math.floor(i / SIZE)] ? 0.7 : 0.3), 0, 1),
    );
    return {
      n: 100,
      batch(indices) {
        const rows = Array.from(indices, (i) => Array.from(x.slice(i * SIZE, (i + 1) * SIZE)));
        return {
          x: { data: Float32Array.from(rows.flat()), shape: [rows.length, ...SHAPE] },
          y: Int32Array.from(indices, (i) => y[i]!),
        };
      },
    };
  })();

  function optionsOf(method: Method, epochs: number, more: Partial<TrainSettings> = {}): TrainOptions {
    return {
      engine,
      model,
      method,
      data,
      settings: {
        epochs,
        batchSize: 16,
        threat: { norm: 'linf', epsilon: EPSILON },
        steps: 4,
        stepSize: 0.125,
        stop: null,
        schedule: schedules.flat({ learningRate: 0.1, epochs }),
        momentum: 0.9,
        weightDecay: 0,
        classes: CLASSES,
        bnMode: 'eval',
        validationSteps: 5,
        earlyStop: null,
        ...more,
        options: { ...commonDefaults, ...method.defaults, ...more.options },
      },
      key: root.fold('train'),
    };
  }

  async function historyOf(options: TrainOptions, stopAt = Number.POSITIVE_INFINITY) {
    const stop = new AbortController();
    const history: EpochRecord[] = [];
    let [seen, snapshot]: [number, Snapshot | undefined] = [0, undefined];
    for await (const event of train({ ...options, signal: stop.signal })) {
      if (event.kind === 'batch' && ++seen === stopAt) stop.abort();
      if (event.kind !== 'batch') snapshot = event.snapshot;
      if (event.kind === 'epoch') history.push(event.record);
    }
    return { history, snapshot: snapshot! };
  }
  const passesOf = (history: readonly EpochRecord[]) => history.map((e) => e.backwardPasses);
  const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

  it.each([1, 3, 8])('free takes m·M passes per epoch, m = %i', async (replays) => {
    const options = optionsOf(methods.free, 2, { options: { ...commonDefaults, replays } });
    const { history } = await historyOf(options);
    for (const e of history)
      expect(e).toMatchObject({
        forwardPasses: replays * BATCHES,
        backwardPasses: replays * BATCHES,
        backwards: replays * 100,
        replays,
      });
  });

  it('fast takes 2M, and learns', async () => {
    const { history } = await historyOf(optionsOf(methods.fast, 3));
    for (const e of history) expect(e).toMatchObject({ forwards: 200, backwards: 200, backwardPasses: 14 });
    expect(history[2]!.loss).toBeLessThan(history[0]!.loss);
  });

  it.each([
    [6, 2],
    [9, 3],
    [4, 1],
    [6, 6],
  ])('deat over T = %i epochs with d = %i takes T(T + d)/2d · M', async (T, d) => {
    const options = optionsOf(methods.deat, T, { options: { ...commonDefaults, start: 'random', every: d } });
    const { history } = await historyOf(options);
    expect(total(passesOf(history))).toBe(((T * (T + d)) / (2 * d)) * BATCHES);
    expect(total(history.map((e) => e.forwardPasses))).toBe(((T * (T + d)) / (2 * d)) * BATCHES);
    expect(history.map((e) => e.replays)).toEqual(history.map((e) => Math.ceil(e.epoch / d)));
  });

  it('deat by train accuracy adds a replay after each epoch above the threshold', async () => {
    // Learns, then, descending the other way, forgets.
    const schedule = (epoch: number) => (epoch < 3 ? 0.3 : -0.3);
    const chosen = { ...commonDefaults, start: 'random', every: 0, threshold: 0.4 } as const;
    const { history } = await historyOf(optionsOf(methods.deat, 6, { options: chosen, schedule }));
    let r = 1;
    for (const e of history) {
      expect(e.replays).toBe(r);
      expect(e.backwardPasses).toBe(r * BATCHES);
      if (e.trainAccuracy > 0.4) r += 1;
    }
    expect(r).toBeGreaterThan(2);
    expect(r).toBeLessThan(7); // some epochs were above, some were not
  });

  it.each([
    ['m-deat', 0],
    ['m-pgd', 1],
  ] as const)('%s grows by the l_X that it records', async (name, further) => {
    const chosen = { ...commonDefaults, start: 'random', growth: 1 } as const;
    // Without a rate the magnitudes of equal numbers of steps differ by the random starts only.
    const settings = {
      options: chosen,
      schedule: (epoch: number) => (epoch < 2 ? 0.01 : -0.02),
      stepSize: 0.05,
    };
    const { history } = await historyOf(optionsOf(methods[name], 8, settings));
    let [r, threshold] = [1, 0];
    const most = name === 'm-pgd' ? 4 : Number.POSITIVE_INFINITY;
    for (const { epoch, gradientL1, backwardPasses, attackSteps, replays, stepSize } of history) {
      expect(attackSteps ?? replays).toBe(r);
      expect(backwardPasses).toBe((r + further) * BATCHES);
      expect(stepSize).toBeCloseTo(name === 'm-pgd' ? Math.max(0.05, EPSILON / r) : 0.05, 12);
      const grows = epoch === 1 || (epoch > 2 && gradientL1! > threshold);
      if (grows) r = Math.min(r + 1, most);
      if (epoch === 2 || (epoch > 2 && grows)) threshold = gradientL1!;
    }
    expect(r).toBeGreaterThan(2);
  });

  const essence = ({ state, cursor, history, method }: Snapshot) => ({
    parameters: bits(state.parameters),
    velocities: bits(state.velocities),
    at: [cursor.epoch, cursor.batch],
    history: history.map(({ seconds, secondsPerPhase, validationSeconds, ...rest }) => rest),
    numbers: method.numbers,
    arrays: bits(new Map(Object.entries(method.arrays).map(([name, values]) => [name, { data: values }]))),
  });

  it.each(['free', 'fast', 'deat', 'm-deat', 'm-pgd', 'fat'] as const)(
    '%s, interrupted after any mini-batch, goes on bit for bit',
    async (name) => {
      const options = optionsOf(methods[name], 3, {
        options: { ...commonDefaults, ...methods[name].defaults, replays: 2, every: 1 },
      });
      const straight = essence((await historyOf(options)).snapshot);
      for (let stopAt = 1; stopAt < 3 * BATCHES; stopAt++) {
        const { snapshot } = await historyOf(options, stopAt);
        expect([snapshot.cursor.epoch * BATCHES + snapshot.cursor.batch, stopAt]).toEqual([stopAt, stopAt]);
        const from = structuredClone(snapshot);
        expect(essence((await historyOf({ ...options, from })).snapshot), `after ${stopAt}`).toEqual(
          straight,
        );
      }
    },
  );
});
