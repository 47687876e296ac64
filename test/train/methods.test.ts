import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Net } from '../../models/net.ts';
import type { Engine, Trainer } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { approximateSteps, type Images } from '../../src/eval/index.ts';
import { type Graph, parameterNames } from '../../src/graph/index.ts';
import { integers, key, uniform } from '../../src/random/index.ts';
import {
  commonDefaults,
  createLearner,
  type Method,
  type MethodOptions,
  methods,
  noState,
} from '../../src/train/index.ts';
import { linearModel, recorded, reference, SHAPE, SIZE } from './linear.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const N = 6;
const root = key(7);
const images = (from = 0, to = 1): Images => ({
  data: uniform(root.fold('x'), N * SIZE, from, to),
  shape: [N, ...SHAPE],
});
const sgd = { momentum: 0.9, weightDecay: 0 };

async function trainerOf(model: Graph): Promise<Trainer> {
  return engine.trainer({ model, parameters: parameterNames(model), optimizer: sgd });
}

/** One step of a method on the linear model. */
async function stepOf(
  method: Method,
  {
    classes = 2,
    x = images(),
    epsilon = 0.1,
    steps = 20,
    stepSize = 0.02,
    ...options
  }: Partial<MethodOptions> & {
    classes?: number;
    x?: Images;
    epsilon?: number;
    steps?: number;
    stepSize?: number;
  },
) {
  const model = linearModel(root, classes);
  const y = integers(root.fold('y'), N, classes);
  const trainer = await trainerOf(model);
  const real = await createLearner(trainer, model, { classes });
  real.learningRate = 0.05;
  const learner = recorded(real);
  const record = await method.step({
    learner,
    x,
    y,
    threat: { norm: 'linf', epsilon },
    steps,
    stepSize,
    indices: Array.from({ length: N }, (_, i) => i),
    epoch: 0,
    state: noState(),
    options: { ...commonDefaults, ...method.defaults, ...options },
    key: root.fold('step'),
  });
  const state = trainer.state();
  await trainer.close();
  return { model, x, y, record, state, trainedOn: learner.trainedOn[0]! };
}

const row = (data: ArrayLike<number>, n: number) =>
  Array.from({ length: SIZE }, (_, i) => data[n * SIZE + i]!);
const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));

describe('on a linear softmax model', () => {
  it('natural descends the mean loss: p ← p − γ·mean(error·xᵀ)', async () => {
    const { model, x, y, record, state, trainedOn } = await stepOf(methods.natural, { classes: 4 });
    expect(trainedOn).toEqual(x.data);
    const all = Array.from(y, (label, n) => reference(model, row(x.data, n), label));
    expect(record.loss).toBeCloseTo(all.reduce((s, r) => s + r.loss, 0) / N, 6);
    expect(record.correct).toBe(
      all.filter((r, n) => r.logits.indexOf(Math.max(...r.logits)) === y[n]).length,
    );
    const w = model.initializers.get('w')!.data as Float32Array;
    const after = state.parameters.get('w')!.data as Float32Array;
    for (let k = 0; k < 4; k++)
      for (let i = 0; i < SIZE; i++) {
        const mean = all.reduce((s, r, n) => s + r.error[k]! * row(x.data, n)[i]!, 0) / N;
        expect(after[k * SIZE + i]!).toBeCloseTo(w[k * SIZE + i]! - 0.05 * mean, 6);
      }
  });

  // With two classes the loss grows along ±(w₀ − w₁) only: the worst image of the ball is known.
  it.each(['zero', 'random'] as const)(
    'pgd reaches x + ε·sign(w_other − w_y), clipped, from a %s start',
    async (start) => {
      const { model, x, y, trainedOn } = await stepOf(methods.pgd, { start });
      const w = model.initializers.get('w')!.data as Float32Array;
      for (let n = 0; n < N; n++)
        for (let i = 0; i < SIZE; i++) {
          const direction = Math.sign(w[(1 - y[n]!) * SIZE + i]! - w[y[n]! * SIZE + i]!);
          expect(trainedOn[n * SIZE + i]!).toBeCloseTo(
            clip(x.data[n * SIZE + i]! + 0.1 * direction, 0, 1),
            6,
          );
        }
    },
  );

  it('pgd with several classes follows the float64 loop', async () => {
    const { model, x, y, trainedOn } = await stepOf(methods.pgd, {
      classes: 5,
      start: 'zero',
      steps: 7,
      stepSize: 0.03,
    });
    for (let n = 0; n < N; n++) {
      const clean = row(x.data, n);
      let at = clean;
      for (let t = 0; t < 7; t++) {
        const { gradient } = reference(model, at, y[n]!);
        at = at.map((v, i) =>
          clip(clip(v + 0.03 * Math.sign(gradient[i]!), clean[i]! - 0.1, clean[i]! + 0.1), 0, 1),
        );
      }
      for (let i = 0; i < SIZE; i++) expect(trainedOn[n * SIZE + i]!).toBeCloseTo(at[i]!, 6);
    }
  });

  it('gaat goes T·α along sign J, J at x', async () => {
    const { model, x, y, trainedOn, record } = await stepOf(methods.gaat, {
      classes: 5,
      steps: 3,
      stepSize: 0.02,
    });
    expect(record.measures?.flipRate).toBe(0);
    for (let n = 0; n < N; n++) {
      const clean = row(x.data, n);
      const { gradient } = reference(model, clean, y[n]!);
      for (let i = 0; i < SIZE; i++)
        expect(trainedOn[n * SIZE + i]!).toBeCloseTo(
          clip(clean[i]! + 0.06 * Math.sign(gradient[i]!), 0, 1),
          6,
        );
    }
  });

  it('gaat reports the residual R(x, δ) of eq. (4)', async () => {
    const { model, x, y, trainedOn, record } = await stepOf(methods.gaat, {
      classes: 5,
      epsilon: 0.3,
      steps: 30,
    });
    let sum = 0;
    for (let n = 0; n < N; n++) {
      const [clean, adversarial] = [row(x.data, n), row(trainedOn, n)];
      const { loss, gradient } = reference(model, clean, y[n]!);
      const product = gradient.reduce((s, g, i) => s + g * (adversarial[i]! - clean[i]!), 0);
      sum += Math.abs(reference(model, adversarial, y[n]!).loss - loss - product - 0.5 * product ** 2);
    }
    expect(record.measures?.residual).toBeCloseTo(sum / N, 5);
  });
});

describe('the T steps of GAAT, Alg. 2 l. 7–10', () => {
  /** The listing, literally, in float64. */
  function literal(x: number[], delta0: number[], J: number[], T: number, alpha: number, epsilon: number) {
    let delta = delta0;
    for (let t = 0; t < T; t++) {
      const product = J.reduce((s, j, i) => s + j * delta[i]!, 0); // J·δ
      const direction = J.map((j) => Math.sign(j + j * product)); // J + Hδ, H = JᵀJ
      delta = delta.map((d, i) => clip(d + alpha * direction[i]!, -epsilon, epsilon));
      delta = delta.map((d, i) => clip(x[i]! + d, 0, 1) - x[i]!);
    }
    return delta.map((d, i) => x[i]! + d);
  }

  it('at once are the loop, flips and clipping included', () => {
    let flips = 0;
    const float = (low: number, high: number) =>
      fc.array(
        fc.integer({ min: low * 1000, max: high * 1000 }).map((v) => Math.fround(v / 1000)),
        { minLength: SIZE, maxLength: SIZE },
      );
    fc.assert(
      fc.property(
        float(0, 1),
        float(-1, 1),
        float(-1, 1),
        fc.constantFrom(0.1, 1, 10, 60),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(0.05, 0.1, 0.3),
        fc.boolean(),
        (x, unit, raw, scale, T, epsilon, against) => {
          const alpha = epsilon / 8;
          const J = raw.map((v) => Math.fround(v * scale));
          // Half of the starts go against J, so that 1 + J·δ < 0 comes up often.
          const way = against ? raw.map((v, i) => -Math.sign(v) * Math.abs(unit[i]!)) : unit;
          const start = x.map((v, i) => Math.fround(clip(v + epsilon * way[i]!, 0, 1)));
          const delta0 = start.map((v, i) => v - x[i]!);
          const product = J.reduce((s, j, i) => s + j * delta0[i]!, 0);
          fc.pre(Math.abs(1 + product) > 1e-6); // at 0 the sign is a matter of rounding
          const { adversarial, flipped } = approximateSteps(
            { data: Float32Array.from(x), shape: [1, ...SHAPE] },
            Float32Array.from(start),
            Float32Array.from(J),
            { threat: { norm: 'linf', epsilon }, steps: T, stepSize: alpha },
          );
          const expected = literal(x, delta0, J, T, alpha, epsilon);
          for (let i = 0; i < SIZE; i++) expect(Math.abs(adversarial[i]! - expected[i]!)).toBeLessThan(1e-6);
          expect(flipped).toBe(1 + product < 0 ? 1 : 0);
          flips += flipped;
        },
      ),
      { numRuns: 500, seed: 3 },
    );
    expect(flips).toBeGreaterThan(50);
  });

  it('without the second order nothing flips, and no rate is reported', async () => {
    const { record } = await stepOf(methods.gaat, { hessian: 'none', start: 'random' });
    expect(record.measures?.flipRate).toBeUndefined();
    expect(record.measures?.residual).toBeGreaterThan(0);
  });
});

describe('the learner', () => {
  /** A convolution with BatchNormalization, the smallest model that has statistics. */
  function withStatistics(): Graph {
    const net = new Net(key(2));
    const x = net.relu(net.batchNorm(net.conv(net.input(SHAPE), 'conv', 4, 3, { pad: 1 }), 'bn'));
    return net.logits(net.linear(net.flatten(x), 'fc', 3), 'tiny');
  }
  const y = Int32Array.of(0, 1, 2, 0, 1, 2);

  it.each(['eval', 'train'] as const)(
    'in bnMode %s takes gradients and leaves all values alone',
    async (bnMode) => {
      const model = withStatistics();
      const trainer = await trainerOf(model);
      const learner = await createLearner(trainer, model, { classes: 3, bnMode });
      expect(learner.consistent).toBe(bnMode === 'train');
      const before = trainer.state();
      const first = await learner.gradient(images(), y);
      expect(trainer.state()).toEqual(before);
      learner.learningRate = 0.1;
      const { loss } = await learner.update(images(), y);
      expect(loss).toHaveLength(N);
      // In training mode both compute the same function; with running statistics they do not.
      const gap = Math.max(...loss.map((l, n) => Math.abs(l - first.loss[n]!)));
      if (bnMode === 'train') expect(gap).toBeLessThan(1e-5);
      else expect(gap).toBeGreaterThan(1e-2);
      const after = trainer.state().parameters;
      for (const [name, { data }] of before.parameters) expect(after.get(name)!.data, name).not.toEqual(data);
      await trainer.close();
    },
  );

  it('gives a residual only where gradient and update see one function', async () => {
    const model = withStatistics();
    for (const bnMode of ['eval', 'train'] as const) {
      const trainer = await trainerOf(model);
      const learner = await createLearner(trainer, model, { classes: 3, bnMode });
      learner.learningRate = 0.01;
      const record = await methods.gaat.step({
        learner,
        x: images(),
        y,
        threat: { norm: 'linf', epsilon: 0.1 },
        steps: 10,
        stepSize: 0.02,
        indices: [],
        epoch: 0,
        state: noState(),
        options: { ...commonDefaults, ...methods.gaat.defaults },
        key: root,
      });
      expect(record.measures?.residual === undefined).toBe(bnMode === 'eval');
      await trainer.close();
    }
  });
});

it('the registry lists each method under its own name', () => {
  for (const [name, method] of Object.entries(methods)) {
    expect(method.name).toBe(name);
    expect(method.about.length * method.source.length).toBeGreaterThan(0);
  }
});
