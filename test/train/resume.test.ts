/** Every method, interrupted after any mini-batch, goes on bit for bit. */
import { afterAll, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { type MethodName, type MethodOptions, methods } from '../../src/train/index.ts';
import { BATCHES, essence, outcome, toyRun } from './toy.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const EPOCHS = 3;
const all = Object.keys(methods).map((name) => [name as MethodName, { replays: 2, every: 1 }] as const);
const further = [
  ['gaat', { hessian: 'diagonal', start: 'random' }],
  ['gaat', { hessian: 'exact', start: 'random' }],
  ['gaat', { surrogate: 'deepfool', start: 'random' }],
  ['gaat', { residualLimit: 0.01, start: 'random' }],
] as const satisfies [MethodName, Partial<MethodOptions>][];

it.each([...all, ...further])('%s, %o', async (name, options) => {
  const run = toyRun(engine, name, options, { epochs: EPOCHS });
  const straight = essence(await outcome(run));
  expect(straight.at).toEqual([EPOCHS, 0]);
  for (let stopAt = 1; stopAt < EPOCHS * BATCHES; stopAt++) {
    const snapshot = await outcome(run, stopAt);
    expect(snapshot.cursor.epoch * BATCHES + snapshot.cursor.batch).toBe(stopAt);
    const from = structuredClone(snapshot);
    expect(essence(await outcome({ ...run, from })), `after ${stopAt}`).toEqual(straight);
  }
});
