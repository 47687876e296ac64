/** Replayed and single-step methods, and those whose number of steps the gradients' magnitude or the samples set. */
import { afterAll, describe, expect, it } from 'vitest';
import { type Engine, spent } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { gather, gatherLabels, type Images } from '../../src/eval/index.ts';
import { parameterNames, type Tensor } from '../../src/graph/index.ts';
import { integers, key, uniform } from '../../src/random/index.ts';
import { meetsCriterion } from '../../src/train/deat.ts';
import { friendlyPerturb } from '../../src/train/friendly.ts';
import {
  commonDefaults,
  createLearner,
  type Method,
  type MethodOptions,
  type MethodState,
  methods,
  noState,
} from '../../src/train/index.ts';
import { adjusted, beginMagnitude, growByMagnitude } from '../../src/train/magnitude.ts';
import { bits } from '../runs/files.ts';
import { linearModel, recorded, reference, SHAPE, SIZE } from './linear.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const CLASSES = 4;
const N = 6;
const root = key(17);
const model = linearModel(root.fold('model'), CLASSES);
const RATE = 0.05;
const EPSILON = 0.1;

const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));

/** The linear model in float64: what the parameters are, and one step of plain gradient descent on a mini-batch. */
function float64() {
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

const batchOf = (n: number, name: string) => ({
  x: { data: uniform(root.fold(name), n * SIZE, 0, 1), shape: [n, ...SHAPE] },
  y: integers(root.fold(`${name} y`), n, CLASSES),
});
const rowsOf = ({ data }: Images) =>
  Array.from({ length: data.length / SIZE }, (_, n) => Array.from(data.slice(n * SIZE, (n + 1) * SIZE)));

/** Some mini-batches of a method on the linear model, by plain gradient descent. */
async function stepsOf(method: Method, given: Given) {
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

function expectSame(
  parameters: ReadonlyMap<string, Tensor>,
  expected: { readonly w: readonly number[]; readonly b: readonly number[] },
) {
  for (const name of ['w', 'b'] as const)
    for (const [i, v] of expected[name].entries())
      expect((parameters.get(name)!.data as Float32Array)[i], `${name}[${i}]`).toBeCloseTo(v, 5);
}

const withCount = (count: number): MethodState => ({ numbers: { count, epochs: 5 }, arrays: {} });

describe('free, on a linear softmax model', () => {
  it('follows the float64 listing over three mini-batches, δ kept, the last one smaller', async () => {
    const batches = [batchOf(N, 'a'), batchOf(N, 'b'), batchOf(2, 'c')];
    const { parameters, records, passes, state } = await stepsOf(methods.free, {
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
    const { trainedOn, parameters, record, calls } = await stepsOf(methods.fast, {
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
    const { parameters, records, passes } = await stepsOf(methods[name], { batches, state: withCount(r) });
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

describe('the magnitude rule', () => {
  /** r after each epoch with these l_X. */
  const course = (magnitudes: readonly number[], growth: number, most?: number) => {
    const state = beginMagnitude();
    return magnitudes.map((gradientL1) => {
      growByMagnitude(state, { gradientL1 }, { growth }, most);
      return state.numbers.count;
    });
  };

  it.each([
    // After epoch 1 always; epoch 2 sets the threshold; then strictly above it, which moves along.
    [[9, 5, 5, 5.1, 5.1, 4, 5.2], 1, undefined, [2, 2, 2, 3, 3, 3, 4]],
    [[9, 5, 5.04, 5.06, 5.1, 5.12], 1.01, undefined, [2, 2, 2, 3, 3, 4]],
    [[1, 5, 6, 7, 8], 1, 3, [2, 2, 3, 3, 3]],
    [[1, 5, 6], 1, 1, [1, 1, 1]],
  ] as const)('l_X of %j with γ = %f, at most %s: r = %j', (magnitudes, growth, most, expected) => {
    expect(course(magnitudes, growth, most)).toEqual(expected);
  });

  it('adjusts α so that α*·r ≥ ε', () => {
    for (const r of [1, 2, 5, 8])
      for (const alpha of [0.01, 0.03, 0.2]) {
        const star = adjusted(r, 0.1, alpha);
        expect(star * r).toBeGreaterThanOrEqual(0.1 - 1e-12);
        expect(star).toBeGreaterThanOrEqual(alpha);
        if (alpha * r >= 0.1) expect(star).toBe(alpha);
      }
  });

  it.each([1, 2, 4])(
    'm-pgd with r = %i is pgd with r steps of α*, and measures the last gradient',
    async (r) => {
      const stepSize = 0.03;
      const given = { options: { start: 'random' } } as const;
      const found = await stepsOf(methods['m-pgd'], { ...given, state: withCount(r), steps: 7, stepSize });
      const alpha = Math.max(stepSize, EPSILON / r);
      const wanted = await stepsOf(methods.pgd, { ...given, steps: r, stepSize: alpha });
      for (const [i, v] of wanted.trainedOn[0]!.entries()) expect(found.trainedOn[0]![i]).toBeCloseTo(v, 6);
      expectSame(found.parameters, {
        w: Array.from(wanted.parameters.get('w')!.data as Float32Array),
        b: Array.from(wanted.parameters.get('b')!.data as Float32Array),
      });
      expect(found.passes).toEqual(wanted.passes);
      expect(found.passes.backward).toBe(r + 1);
      // l_X at x′ before its last step, by float64.
      const { x, y } = batchOf(N, 'x');
      const noise = uniform(root.fold('step').fold('start'), N * SIZE, -EPSILON, EPSILON);
      const { at } = float64();
      let magnitude = 0;
      for (const [n, row] of rowsOf(x).entries()) {
        let point = row.map((v, i) => clip(v + noise[n * SIZE + i]!, 0, 1));
        for (let t = 0; t < r; t++) {
          const { gradient } = at(point, y[n]!);
          if (t === r - 1) magnitude += gradient.reduce((s, g) => s + Math.abs(g), 0);
          point = point.map((v, i) =>
            clip(clip(v + alpha * Math.sign(gradient[i]!), row[i]! - EPSILON, row[i]! + EPSILON), 0, 1),
          );
        }
      }
      expect(found.record.measures!.gradientL1).toBeCloseTo(magnitude, 4);
      expect(found.record.measures).toMatchObject({ attackSteps: r });
      expect(found.record.measures!.stepSize).toBeCloseTo(alpha, 12);
    },
  );
});

describe('fat, on a linear softmax model', () => {
  /** The listing, per sample, in float64. */
  function literal(x: readonly number[], y: number, T: number, tau: number, alpha: number) {
    const { at } = float64();
    let [point, patience, taken, passes] = [[...x], tau, 0, 0];
    for (let k = 0; k < T; k++) {
      const { logits, gradient } = at(point, y);
      passes += 1;
      const lost = logits.indexOf(Math.max(...logits)) !== y;
      if (lost && patience === 0) break;
      if (lost) patience -= 1;
      taken += 1;
      point = point.map((v, i) =>
        clip(clip(v + alpha * Math.sign(gradient[i]!), x[i]! - EPSILON, x[i]! + EPSILON), 0, 1),
      );
    }
    return { point, taken, passes };
  }

  // Labels that the model gets right at first, but for the last two: each sample stops at a time of its own.
  const { x } = batchOf(12, 'fat');
  const y = Int32Array.from(rowsOf(x), (row, n) => {
    const { logits } = float64().at(row, 0);
    const best = logits.indexOf(Math.max(...logits));
    return n < 10 ? best : (best + 1) % CLASSES;
  });

  it.each([
    [0, 6],
    [1, 6],
    [3, 5],
    [3, 1],
  ])('with τ = %i and T = %i each sample stops where the listing says', async (patience, steps) => {
    const stepSize = 0.02;
    const { trainedOn, record, passes } = await stepsOf(methods.fat, {
      batches: [{ x, y }],
      steps,
      stepSize,
      options: { start: 'zero', patience },
    });
    const all = rowsOf(x).map((row, n) => literal(row, y[n]!, steps, patience, stepSize));
    for (const [i, v] of all.flatMap(({ point }) => point).entries())
      expect(trainedOn[0]![i]).toBeCloseTo(v, 6);
    const sum = (of: 'taken' | 'passes') => all.reduce((s, a) => s + a[of], 0);
    expect(record.measures!.attackSteps).toBeCloseTo(sum('taken') / 12, 12);
    expect(passes).toEqual({
      forward: Math.max(...all.map((a) => a.passes)) + 1,
      backward: Math.max(...all.map((a) => a.passes)) + 1,
      forwardImages: sum('passes') + 12,
      backwardImages: sum('passes') + 12,
    });
    if (steps === 6) expect(new Set(all.map((a) => a.taken)).size).toBeGreaterThan(2);
  });

  it('is pgd where τ is not reached', async () => {
    const given = { batches: [{ x, y }], steps: 4, options: { start: 'random' } } as const;
    const friendly = await stepsOf(methods.fat, { ...given, options: { start: 'random', patience: 4 } });
    const plain = await stepsOf(methods.pgd, given);
    expect(bits(friendly.parameters)).toEqual(bits(plain.parameters));
    expect(friendly.passes).toEqual(plain.passes);
  });

  it('with another loss attacks each sample as if it were alone', async () => {
    // Probabilities that are not the model's, so that samples compared with another's would go elsewhere.
    const q = uniform(root.fold('q'), 12 * CLASSES, 0, 1);
    for (let n = 0; n < 12; n++) {
      const row = q.subarray(n * CLASSES, (n + 1) * CLASSES);
      const sum = row.reduce((a, b) => a + b, 0);
      for (const [k, v] of row.entries()) row[k] = v / sum;
    }
    const trainer = await engine.trainer({
      model,
      parameters: parameterNames(model),
      optimizer: { momentum: 0, weightDecay: 0 },
    });
    const learner = await createLearner(trainer, model, { classes: CLASSES });
    const perturb = (indices: readonly number[]) =>
      friendlyPerturb(
        {
          learner,
          x: gather(x, indices),
          y: gatherLabels(y, indices),
          indices,
          epoch: 0,
          threat: { norm: 'linf', epsilon: EPSILON },
          steps: 6,
          stepSize: 0.02,
          options: { ...commonDefaults, patience: 1 },
          state: noState(),
          key: root,
        },
        {
          start: (args) => args.x.data.slice(),
          ascends: async () => ({
            loss: 'kl',
            q: gather({ data: q, shape: [12, CLASSES] }, indices).data,
          }),
          learn: async () => expect.fail('nothing is learnt here'),
        },
      );
    const together = await perturb(Array.from(y.keys()));
    let steps = 0;
    for (const n of y.keys()) {
      const alone = await perturb([n]);
      steps += alone.attackSteps / 12;
      for (const [i, v] of alone.adversarial.data.entries())
        expect(together.adversarial.data[n * SIZE + i]).toBeCloseTo(v, 6);
    }
    expect(together.attackSteps).toBeCloseTo(steps, 12);
    expect(steps).toBeGreaterThan(1);
    expect(steps).toBeLessThan(6); // some stopped
    await trainer.close();
  });

  it.each(['trades', 'mart'] as const)(
    'f-%s and m-%s are the base method where their rules are silent',
    async (base) => {
      const given = { batches: [{ x, y }], steps: 3, stepSize: 0.05 } as const;
      const plain = await stepsOf(methods[base], given);
      const friendly = await stepsOf(methods[`f-${base}`], { ...given, options: { patience: 3 } });
      const guided = await stepsOf(methods[`m-${base}`], { ...given, state: withCount(3) });
      expect(bits(friendly.parameters)).toEqual(bits(plain.parameters));
      expect(friendly.passes).toEqual(plain.passes);
      for (const name of ['w', 'b'])
        for (const [i, v] of (plain.parameters.get(name)!.data as Float32Array).entries())
          expect((guided.parameters.get(name)!.data as Float32Array)[i]).toBeCloseTo(v, 6);
      expect(guided.passes).toEqual(plain.passes);
      expect(guided.record.measures!.gradientL1).toBeGreaterThan(0);
    },
  );

  it('stops when no sample is left', async () => {
    const wrong = Int32Array.from(y, (label, n) => (n < 10 ? (label + 1) % CLASSES : label));
    const { calls } = await stepsOf(methods.fat, {
      batches: [{ x, y: wrong }],
      steps: 50,
      options: { patience: 0, start: 'zero' },
    });
    expect(calls).toEqual(['ascend', 'update']);
  });
});
