/** TRADES, MART, delayed adversarial training and label smoothing on the linear softmax model, against float64 formulas. */
import { afterAll, describe, expect, it } from 'vitest';
import { Net } from '../../models/net.ts';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { parameterNames } from '../../src/graph/index.ts';
import { integers, key, normal, uniform } from '../../src/random/index.ts';
import {
  checkedOption,
  commonDefaults,
  createLearner,
  type MethodOptions,
  methods,
  noState,
  type OptionName,
  tradesObjective,
} from '../../src/train/index.ts';
import { bits } from '../runs/files.ts';
import { logSoftmax, papers, parametersOf, slopesOf } from './float64.ts';
import { linearModel, recorded, reference, SHAPE, SIZE } from './linear.ts';
import { BATCHES, essence, outcome, toyRun } from './toy.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const N = 6;
const K = 4;
const RATE = 0.05;
const root = key(41);
const x: Images = { data: uniform(root.fold('x'), N * SIZE), shape: [N, ...SHAPE] };
const y = integers(root.fold('y'), N, K);
const threat = { norm: 'linf', epsilon: 0.1 } as const;
const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));
const row = (data: ArrayLike<number>, n: number) =>
  Array.from({ length: SIZE }, (_, i) => data[n * SIZE + i]!);
const mean = (a: readonly number[]) => a.reduce((s, v) => s + v, 0) / a.length;

async function stepOf(name: 'trades' | 'mart', given: Partial<MethodOptions> = {}, steps = 3) {
  const model = linearModel(root, K);
  const trainer = await engine.trainer({
    model,
    parameters: parameterNames(model),
    optimizer: { momentum: 0, weightDecay: 0 },
  });
  const real = await createLearner(trainer, model, {
    classes: K,
    options: { ...commonDefaults, ...methods[name].defaults, ...given },
  });
  real.learningRate = RATE;
  const learner = recorded(real);
  let adversarial: Images | undefined;
  const { update } = learner;
  learner.update = (images, labels, request) => {
    adversarial = request?.feeds?.adversarial;
    return update(images, labels, request);
  };
  const options = { ...commonDefaults, ...methods[name].defaults, ...given };
  const own = root.fold('step');
  const record = await methods[name].step({
    learner,
    x,
    y,
    threat,
    steps,
    stepSize: 0.03,
    indices: Array.from({ length: N }, (_, i) => i),
    epoch: 0,
    state: noState(),
    options,
    key: own,
  });
  const after = trainer.state().parameters;
  await trainer.close();
  const start = normal(own.fold('start'), x.data.length, 0, 0.001).map((v, i) => v + x.data[i]!);
  return { model, record, options, after, start, adversarial: adversarial! };
}

/** Its loss by the paper, its gradient by central differences in float64. */
function descended(
  name: 'trades' | 'mart',
  { model, adversarial, options }: Awaited<ReturnType<typeof stepOf>>,
) {
  const at = parametersOf(model);
  const loss = () =>
    mean(
      Array.from(y, (label, n) => {
        const [p, q] = [x, adversarial].map(({ data }) => logSoftmax(at, row(data, n)));
        return papers[name](p!, q!, label, options);
      }),
    );
  const next = (values: number[]) => {
    const slopes = slopesOf(values, loss);
    return values.map((v, i) => v - RATE * slopes[i]!);
  };
  return { loss: loss(), w: next(at.w), b: next(at.b) };
}

describe.each(['trades', 'mart'] as const)('%s on a linear softmax model', (name) => {
  it.each([0, 1, 6])('descends the paper’s loss, weight %i', async (weight) => {
    const taken = await stepOf(name, { beta: weight, lambda: weight });
    const expected = descended(name, taken);
    expect(taken.record.loss).toBeCloseTo(expected.loss, 5);
    for (const p of ['w', 'b'] as const) {
      const got = taken.after.get(p)!.data as Float32Array;
      for (const [i, value] of expected[p].entries()) expect(got[i]!, `${p} ${i}`).toBeCloseTo(value, 5);
    }
  });

  it('attacks from the Gaussian’s neighbourhood, along its own loss', async () => {
    const { model, adversarial, start } = await stepOf(name);
    for (let n = 0; n < N; n++) {
      const clean = row(x.data, n);
      const probabilities = (image: readonly number[]) =>
        reference(model, image, y[n]!).error.map((e, k) => e + (k === y[n] ? 1 : 0));
      const q = probabilities(clean);
      const w = model.initializers.get('w')!.data as Float32Array;
      let at = row(start, n);
      for (let t = 0; t < 3; t++) {
        // ∇ₓ KL(q ‖ p(x′)) = Wᵀ(p(x′) − q); the cross-entropy has the label in q's place.
        const p = probabilities(at);
        const error = p.map((v, k) => v - (name === 'trades' ? q[k]! : k === y[n] ? 1 : 0));
        at = at.map((v, i) => {
          const slope = error.reduce((s, e, k) => s + e * w[k * SIZE + i]!, 0);
          return clip(clip(v + 0.03 * Math.sign(slope), clean[i]! - 0.1, clean[i]! + 0.1), 0, 1);
        });
      }
      for (let i = 0; i < SIZE; i++) expect(adversarial.data[n * SIZE + i]!).toBeCloseTo(at[i]!, 6);
    }
  });

  it('learns of x′ what x′ is classified as', async () => {
    const { model, record, adversarial } = await stepOf(name);
    const right = Array.from(y).filter((label, n) => {
      const { logits } = reference(model, row(adversarial.data, n), label);
      return logits.indexOf(Math.max(...logits)) === label;
    });
    expect(record.correct).toBe(right.length);
  });
});

it('two branches move statistics one after the other, and leave the model and snapshots as they are', async () => {
  const net = new Net(key(2));
  const h = net.relu(net.batchNorm(net.conv(net.input(SHAPE), 'conv', 4, 3, { pad: 1 }), 'bn'));
  const model = net.logits(net.linear(net.flatten(h), 'fc', K), 'tiny');
  const given = bits(model.initializers);
  const trainer = await engine.trainer({
    model,
    parameters: parameterNames(model),
    optimizer: { momentum: 0, weightDecay: 0 },
  });
  const learner = await createLearner(trainer, model, { classes: K });
  learner.learningRate = 0; // only the statistics move
  const adversarial = { data: x.data.map((v) => v / 2), shape: x.shape };
  const first = trainer.state();
  const statistics = () => trainer.state().parameters.get('bn.running_mean')!.data as Float32Array;
  await learner.update(x, y, { objective: tradesObjective, feeds: { adversarial } });
  const both = statistics();
  expect(bits(model.initializers)).toEqual(given);
  const snapshot = bits(first.parameters);
  trainer.restore(first);
  await learner.update(x, y, { objective: tradesObjective, feeds: { adversarial } });
  expect(statistics()).toEqual(both);
  expect(bits(first.parameters)).toEqual(snapshot);

  // The same as one update on x, then one on x′: not the other way round.
  trainer.restore(first);
  await learner.update(x, y);
  await learner.update(adversarial, y);
  const inOrder = statistics();
  trainer.restore(first);
  await learner.update(adversarial, y);
  await learner.update(x, y);
  const reversed = statistics();
  const gap = (a: Float32Array, b: Float32Array) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));
  expect(gap(both, inOrder)).toBeLessThan(1e-7);
  expect(gap(reversed, inOrder)).toBeGreaterThan(1e-3);
  await trainer.close();
});

describe('delayed adversarial training', () => {
  it('is natural training to the bit, then the method’s own steps', async () => {
    const natural = await outcome(toyRun(engine, 'natural', {}, { epochs: 1 }));
    const dat = await outcome(toyRun(engine, 'dat', {}, { epochs: 2 }), BATCHES);
    expect(essence(dat).parameters).toEqual(essence(natural).parameters);
    // Without a natural share it is the method itself.
    const pgd = await outcome(toyRun(engine, 'pgd'));
    expect(essence(await outcome(toyRun(engine, 'dat', { naturalShare: 0 })))).toEqual(essence(pgd));
  });
});

describe('label smoothing', () => {
  // (1 − s)·onehot + s/K in the label's place: ∂/∂z = softmax − that.
  it.each([0, 0.1, 0.9])('%d: loss and step in closed form', async (smoothing) => {
    const run = toyRun(engine, 'natural', { smoothing }, { epochs: 1, batchSize: 50, momentum: 0 });
    const { history, state } = await outcome(run);
    const { x: all, y: labels } = run.data.batch([...Array(50).keys()]);
    const classes = 3;
    const bias = Array.from(run.model.initializers.get('b')!.data as Float32Array);
    const rows = Array.from(labels, (label, n) => {
      const { logits, error } = reference(run.model, row(all.data, n), label);
      const at = { w: [], b: logits };
      const logs = logSoftmax(at, []);
      const share = (k: number) => (k === label ? 1 - smoothing : 0) + smoothing / classes;
      return {
        loss: -logs.reduce((s, v, k) => s + share(k) * v, 0),
        slope: error.map((e, k) => e + (k === label ? 1 : 0) - share(k)),
      };
    });
    expect(history[0]!.loss).toBeCloseTo(mean(rows.map((r) => r.loss)), 5);
    const after = state.parameters.get('b')!.data as Float32Array;
    for (const [k, b] of bias.entries())
      expect(after[k]!).toBeCloseTo(b - 0.2 * mean(rows.map((r) => r.slope[k]!)), 5);
  });

  it('is part of TRADES’ cross-entropy, and not of MART’s loss', async () => {
    const [plain, smooth] = [await stepOf('trades'), await stepOf('trades', { smoothing: 0.3 })];
    const { model } = plain;
    const added = mean(
      Array.from(y, (label, n) => {
        const { loss, logits } = reference(model, row(x.data, n), label);
        const uniformLoss = -mean(logSoftmax({ w: [], b: logits }, []));
        return 0.3 * (uniformLoss - loss);
      }),
    );
    expect(smooth.record.loss - plain.record.loss).toBeCloseTo(added, 5);
    expect((await stepOf('mart', { smoothing: 0.3 })).record).toEqual((await stepOf('mart')).record);
  });
});

it.each([
  ['beta', -1, /^E_RANGE: --beta of -1, expected 0 or more/],
  ['lambda', Number.NaN, /^E_RANGE: --lambda of NaN/],
  ['naturalShare', 1.5, /^E_RANGE: --natural-share of 1.5, expected 0 … 1/],
  ['smoothing', 1, /^E_RANGE: --smoothing of 1, expected 0 … 0.999/],
] as const)('refuses %s %d', (name, value, message) => {
  expect(() => checkedOption(name as OptionName, value)).toThrow(message);
});
