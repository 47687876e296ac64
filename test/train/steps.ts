/** Single mini-batches on a linear softmax model of four classes: by a method on an engine, and the float64 model beside it. */
import { expect } from 'vitest';
import { type Engine, spent } from '../../src/engine/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { parameterNames, type Tensor } from '../../src/graph/index.ts';
import { integers, key, uniform } from '../../src/random/index.ts';
import {
  commonDefaults,
  createLearner,
  type Method,
  type MethodOptions,
  type MethodState,
  noState,
} from '../../src/train/index.ts';
import { linearModel, recorded, reference, SHAPE, SIZE } from './linear.ts';

export const CLASSES = 4;
export const N = 6;
export const root = key(17);
export const model = linearModel(root.fold('model'), CLASSES);
const RATE = 0.05;
export const EPSILON = 0.1;

export const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));

/** The linear model in float64: what the parameters are, and one step of plain gradient descent on a mini-batch. */
export function float64() {
  const w = Array.from(model.initializers.get('w')!.data as Float32Array);
  const b = Array.from(model.initializers.get('b')!.data as Float32Array);
  const at = (x: readonly number[], y: number) => {
    const current = new Map([
      ['w', { data: w }],
      ['b', { data: b }],
    ]);
    return reference({ ...model, initializers: current as never }, x, y);
  };
  return {
    w,
    b,
    at,
    descend(batch: readonly { x: readonly number[]; y: number }[]) {
      const all = batch.map(({ x, y }) => ({ x, ...at(x, y) }));
      for (const { x, error } of all)
        for (let k = 0; k < CLASSES; k++) {
          b[k] = b[k]! - (RATE * error[k]!) / batch.length;
          for (let i = 0; i < SIZE; i++)
            w[k * SIZE + i] = w[k * SIZE + i]! - (RATE * error[k]! * x[i]!) / batch.length;
        }
      return all;
    },
  };
}

interface Given {
  readonly batches?: readonly { readonly x: Images; readonly y: Int32Array }[];
  readonly state?: MethodState;
  readonly steps?: number;
  readonly stepSize?: number;
  readonly options?: Partial<MethodOptions>;
}

export const batchOf = (n: number, name: string) => ({
  x: { data: uniform(root.fold(name), n * SIZE, 0, 1), shape: [n, ...SHAPE] },
  y: integers(root.fold(`${name} y`), n, CLASSES),
});
export const rowsOf = ({ data }: Images) =>
  Array.from({ length: data.length / SIZE }, (_, n) => Array.from(data.slice(n * SIZE, (n + 1) * SIZE)));

/** Some mini-batches of a method on the linear model, by plain gradient descent, with what the learner was asked for. */
export async function stepsOf(engine: Engine, method: Method, given: Given) {
  const { batches = [batchOf(N, 'x')], state = noState(), steps = 5, stepSize = 0.04, options } = given;
  const trainer = await engine.trainer({
    model,
    parameters: parameterNames(model),
    optimizer: { momentum: 0, weightDecay: 0 },
  });
  const real = await createLearner(trainer, model, { classes: CLASSES });
  real.learningRate = RATE;
  const learner = recorded(real);
  const before = engine.counts();
  const records = [];
  for (const { x, y } of batches)
    records.push(
      await method.step({
        learner,
        x,
        y,
        threat: { norm: 'linf', epsilon: EPSILON },
        steps,
        stepSize,
        indices: Array.from(y.keys()),
        epoch: 0,
        state,
        options: { ...commonDefaults, ...method.defaults, ...options },
        key: root.fold('step'),
      }),
    );
  const passes = spent(before, engine.counts());
  const parameters = trainer.state().parameters;
  await trainer.close();
  return { records, record: records[0]!, passes, parameters, state, ...learner };
}

export function expectSame(
  parameters: ReadonlyMap<string, Tensor>,
  expected: { readonly w: readonly number[]; readonly b: readonly number[] },
) {
  for (const name of ['w', 'b'] as const)
    for (const [i, v] of expected[name].entries())
      expect((parameters.get(name)!.data as Float32Array)[i], `${name}[${i}]`).toBeCloseTo(v, 5);
}

export const withCount = (count: number): MethodState => ({ numbers: { count, epochs: 5 }, arrays: {} });
