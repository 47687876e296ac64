/** Methods that replay mini-batches, and those of a single step, in float64. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { uniform } from '../../src/random/index.ts';
import { meetsCriterion } from '../../src/train/deat.ts';
import { commonDefaults, methods } from '../../src/train/index.ts';
import { SIZE } from './linear.ts';
import { batchOf, clip, EPSILON, expectSame, float64, N, root, rowsOf, stepsOf, withCount } from './steps.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

describe('free, on a linear softmax model', () => {
  it('follows the float64 listing over three mini-batches, δ kept, the last one smaller', async () => {
    const batches = [batchOf(N, 'a'), batchOf(N, 'b'), batchOf(2, 'c')];
    const { parameters, records, passes, state } = await stepsOf(engine, methods.free, {
      batches,
      stepSize: EPSILON,
      options: { replays: 3 },
    });
    const net = float64();
    const delta = Array.from({ length: N }, () => new Array<number>(SIZE).fill(0));
    const last: number[] = [];
    for (const { x, y } of batches)
      for (let m = 0; m < 3; m++) {
        const moved = rowsOf(x).map((row, n) => ({
          x: row.map((v, i) => clip(v + delta[n]![i]!, 0, 1)),
          y: y[n]!,
        }));
        const all = net.descend(moved);
        for (const [n, { gradient }] of all.entries())
          for (let i = 0; i < SIZE; i++)
            delta[n]![i] = clip(delta[n]![i]! + EPSILON * Math.sign(gradient[i]!), -EPSILON, EPSILON);
        if (m === 2) last.push(all.reduce((s, { loss }) => s + loss, 0) / all.length);
      }
    expectSame(parameters, net);
    for (const [i, v] of delta.flat().entries()) expect(state.arrays.delta![i]).toBeCloseTo(v, 6);
    for (const [i, { loss, measures }] of records.entries()) {
      expect(loss).toBeCloseTo(last[i]!, 5);
      expect(measures).toMatchObject({ replays: 3, stepSize: EPSILON });
    }
    expect(passes).toMatchObject({ forward: 9, backward: 9, backwardImages: 3 * (N + N + 2) });
  });

  it.each([
    [10, 8, 2],
    [8, 8, 1],
    [45, 4, 12],
    [7, 1, 7],
  ])('%i epochs at m = %i are %i of replays', (allowance, replays, epochs) => {
    expect(methods.free.epochs?.(allowance, { ...commonDefaults, replays })).toBe(epochs);
  });
});

describe('fast, on a linear softmax model', () => {
  it.each(['zero', 'random'] as const)('takes one step of α from a %s start', async (start) => {
    const batch = batchOf(N, 'x');
    const { trainedOn, parameters, record, calls } = await stepsOf(engine, methods.fast, {
      batches: [batch],
      stepSize: 0.125,
      options: { start },
    });
    // The uniform numbers of the step's own key, as every method's random start.
    const noise = uniform(root.fold('step').fold('start'), N * SIZE, -EPSILON, EPSILON);
    const net = float64();
    let magnitude = 0;
    const moved = rowsOf(batch.x).map((row, n) => {
      const from = row.map((v, i) => clip(v + (start === 'random' ? noise[n * SIZE + i]! : 0), 0, 1));
      const { gradient } = net.at(from, batch.y[n]!);
      magnitude += gradient.reduce((s, g) => s + Math.abs(g), 0);
      const to = from.map((v, i) =>
        clip(v + 0.125 * Math.sign(gradient[i]!), row[i]! - EPSILON, row[i]! + EPSILON),
      );
      return { x: to.map((v) => clip(v, 0, 1)), y: batch.y[n]! };
    });
    net.descend(moved);
    for (const [i, v] of moved.flatMap(({ x }) => x).entries()) expect(trainedOn[0]![i]).toBeCloseTo(v, 6);
    expectSame(parameters, net);
    expect(record.measures).toMatchObject({ attackSteps: 1, stepSize: 0.125 });
    expect(record.measures!.gradientL1).toBeCloseTo(magnitude, 4);
    expect(calls).toEqual(['gradient', 'update']);
  });
});

describe('deat, on a linear softmax model', () => {
  it.each([
    ['deat', 1],
    ['deat', 4],
    ['m-deat', 3],
  ] as const)('%s follows the float64 listing with r = %i', async (name, r) => {
    const batches = [batchOf(N, 'a'), batchOf(3, 'b')];
    const { parameters, records, passes } = await stepsOf(engine, methods[name], {
      batches,
      state: withCount(r),
    });
    const net = float64();
    const magnitudes: number[] = [];
    for (const { x, y } of batches) {
      const noise = uniform(root.fold('step').fold('start'), x.data.length, -EPSILON, EPSILON);
      const delta = rowsOf({ data: noise, shape: x.shape }); // initialised anew for each mini-batch
      let all: ReturnType<typeof net.descend> = [];
      for (let j = 0; j < r; j++) {
        all = net.descend(
          rowsOf(x).map((row, n) => ({ x: row.map((v, i) => clip(v + delta[n]![i]!, 0, 1)), y: y[n]! })),
        );
        for (const [n, { gradient }] of all.entries())
          for (let i = 0; i < SIZE; i++)
            delta[n]![i] = clip(delta[n]![i]! + 0.04 * Math.sign(gradient[i]!), -EPSILON, EPSILON);
      }
      magnitudes.push(all.reduce((s, { gradient }) => s + gradient.reduce((t, g) => t + Math.abs(g), 0), 0));
    }
    expectSame(parameters, net);
    expect(passes).toMatchObject({ forward: 2 * r, backward: 2 * r, backwardImages: r * (N + 3) });
    for (const [i, { measures }] of records.entries()) {
      expect(measures).toMatchObject({ replays: r, stepSize: 0.04 });
      expect(measures!.gradientL1).toBeCloseTo(magnitudes[i]!, 4);
    }
  });

  it('adds a replay every d epochs, or when the train accuracy is above its threshold', () => {
    const every = (d: number, epochs: number) =>
      meetsCriterion({ numbers: { epochs }, arrays: {} }, { trainAccuracy: 0 }, { every: d, threshold: 0.4 });
    expect([1, 2, 3, 4, 5, 6].map((t) => every(3, t))).toEqual([false, false, true, false, false, true]);
    const above = (trainAccuracy: number) =>
      meetsCriterion(withCount(1), { trainAccuracy }, { every: 0, threshold: 0.4 });
    expect([0.39, 0.4, 0.41].map(above)).toEqual([false, false, true]);
  });
});
