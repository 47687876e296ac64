import { afterAll, describe, expect, it } from 'vitest';
import { type Engine, spent } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { float32, type Graph, parameterNames } from '../../src/graph/index.ts';
import { integers, key, normal, uniform } from '../../src/random/index.ts';
import { nearestBoundary, start, vote } from '../../src/train/efgsm.ts';
import {
  checkedOption,
  commonDefaults,
  createLearner,
  type MethodOptions,
  methods,
  type StepArguments,
} from '../../src/train/index.ts';
import { linearModel, recorded, reference, SHAPE, SIZE } from './linear.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const N = 6;
const CLASSES = 5;
const EPSILON = 0.1;
const RATE = 0.05;
const root = key(17);
const sgd = { momentum: 0, weightDecay: 0 };
const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));
const row = (data: ArrayLike<number>, n: number) =>
  Array.from({ length: SIZE }, (_, i) => data[n * SIZE + i]!);

/** A mini-batch of a set of 10 images, Γ drawn at random, on a linear model. */
async function batchOf(model: Graph, change: Partial<MethodOptions> = {}, low = 0, high = 1) {
  const classes = (model.initializers.get('b')!.shape as number[])[0]!;
  const trainer = await engine.trainer({ model, parameters: parameterNames(model), optimizer: sgd });
  const options = { ...commonDefaults, ...methods.efgsm.defaults, ...change };
  const real = await createLearner(trainer, model, { classes, options });
  real.learningRate = RATE;
  const learner = recorded(real);
  const args: StepArguments = {
    learner,
    x: { data: uniform(root.fold('x'), N * SIZE, low, high), shape: [N, ...SHAPE] },
    y: integers(root.fold('y'), N, classes),
    indices: [7, 0, 3, 9, 4, 1],
    epoch: 0,
    threat: { norm: 'linf', epsilon: EPSILON },
    steps: 1,
    stepSize: EPSILON,
    options,
    state: { numbers: {}, arrays: { votes: normal(root.fold('votes'), 10 * SIZE) } },
    key: root.fold('step'),
  };
  return { args, trainer, learner };
}

/** Eqs. 11–13 in float64, with σ = 0: the start is x + sign(Γ)ε. */
function literal(model: Graph, { x, y, indices, state, options }: StepArguments, others: number) {
  const w = model.initializers.get('w')!.data as Float32Array;
  const votes = state.arrays.votes!.slice();
  let robust = 0;
  const adversarial = Array.from({ length: N }, (_, n) => {
    const [clean, label, own] = [row(x.data, n), y[n]!, row(votes, indices[n]!)];
    const at = clean.map((v, i) => clip(v + EPSILON * Math.sign(own[i]!), 0, 1));
    const { logits } = reference(model, at, label);
    const boundaries = logits
      .map((z, k) => {
        const normal = Array.from({ length: SIZE }, (_, i) => w[k * SIZE + i]! - w[label * SIZE + i]!);
        return {
          z,
          k,
          normal,
          distance: Math.abs(logits[label]! - z) / normal.reduce((s, v) => s + Math.abs(v), 0),
        };
      })
      .filter(({ k }) => k !== label)
      .sort((a, b) => b.z - a.z)
      .slice(0, others)
      .sort((a, b) => a.distance - b.distance);
    const [{ normal, distance }] = boundaries as [(typeof boundaries)[0]];
    // A linear model is its own linearisation: what counts is the clean image's distance to each of the boundaries.
    const there = reference(model, clean, label).logits;
    const clearances = boundaries.map(
      ({ k, normal: g }) => (there[label]! - there[k]!) / g.reduce((s, v) => s + Math.abs(v), 0),
    );
    if (Math.min(...clearances) > EPSILON) robust += 1;
    const moved = at.map((v, i) => clip(v + Math.sign(normal[i]!) * distance, 0, 1));
    const kept =
      options.reach === 'ball'
        ? moved.map((v, i) => clip(v, clean[i]! - EPSILON, clean[i]! + EPSILON))
        : moved;
    for (let i = 0; i < SIZE; i++)
      votes[indices[n]! * SIZE + i] = options.decay * own[i]! + Math.sign(kept[i]! - clean[i]!);
    return kept;
  });
  return { adversarial, votes, robust };
}

describe('on a linear softmax model, eqs. 11–13', () => {
  it.each([
    ['free', 0, 4],
    ['ball', 0, 4],
    ['free', 1, 1],
    ['free', 2, 2],
    ['free', 100, 4],
  ] as const)(
    'reach %s, rivals %i: examples and Γ are the listing’s in float64',
    async (reach, rivals, others) => {
      const model = linearModel(root, CLASSES);
      const { args, learner, trainer } = await batchOf(model, { reach, rivals, sigma: 0 });
      const expected = literal(model, args, others);
      const before = engine.counts();
      const record = await methods.efgsm.step(args);
      expect(spent(before, engine.counts())).toMatchObject({ forward: others + 1, backward: others + 1 });
      for (let n = 0; n < N; n++)
        for (let i = 0; i < SIZE; i++)
          expect(Math.abs(learner.trainedOn[0]![n * SIZE + i]! - expected.adversarial[n]![i]!)).toBeLessThan(
            2e-6,
          );
      // Rounded to float32 twice, after the decay and after the vote.
      for (const [i, v] of expected.votes.entries())
        expect(Math.abs(args.state.arrays.votes![i]! - v)).toBeLessThan(1e-6);
      expect(record.measures).toEqual({ attackSteps: others, robustShare: expected.robust / N });
      await trainer.close();
    },
  );

  it('some class’s logit is then the label’s own: the example lies on the boundary', async () => {
    const model = linearModel(root, CLASSES);
    // Grey images, so that no pixel is clipped at 0 or 1.
    const { args, learner, trainer } = await batchOf(model, {}, 0.45, 0.55);
    const small = { ...args, threat: { norm: 'linf', epsilon: 0.02 } as const };
    const at = start(small).data;
    const largest = (z: number[]) => z.indexOf(Math.max(...z));
    const y = Int32Array.from(args.y, (_, n) => largest(reference(model, row(at, n), 0).logits));
    await methods.efgsm.step({ ...small, y });
    let reached = 0;
    for (const [n, label] of y.entries()) {
      const example = row(learner.trainedOn[0]!, n);
      if (example.some((v) => v === 0 || v === 1)) continue;
      const { logits } = reference(model, example, label);
      const gaps = logits.filter((_, k) => k !== label).map((z) => Math.abs(z - logits[label]!));
      reached += 1;
      expect(Math.min(...gaps)).toBeLessThan(1e-5);
    }
    expect(reached).toBeGreaterThan(N / 2);
    await trainer.close();
  });

  it('descends the label-smoothed loss of the examples', async () => {
    const model = linearModel(root, CLASSES);
    const { args, learner, trainer } = await batchOf(model, { smoothing: 0.1 });
    await methods.efgsm.step(args);
    const examples = learner.trainedOn[0]!;
    const after = trainer.state().parameters.get('w')!.data as Float32Array;
    const before = model.initializers.get('w')!.data as Float32Array;
    const errors = Array.from(args.y, (label, n) =>
      reference(model, row(examples, n), label).error.map(
        (e, k) => e + 0.1 * (k === label ? 1 : 0) - 0.1 / CLASSES,
      ),
    );
    for (let k = 0; k < CLASSES; k++)
      for (let i = 0; i < SIZE; i++) {
        const mean = errors.reduce((s, e, n) => s + e[k]! * examples[n * SIZE + i]!, 0) / N;
        expect(after[k * SIZE + i]!).toBeCloseTo(before[k * SIZE + i]! - RATE * mean, 6);
      }
    await trainer.close();
  });

  it('where no gradient leads anywhere the image stays, and does not count as robust', async () => {
    const model = linearModel(root, CLASSES);
    const same: Graph = {
      ...model,
      initializers: new Map([
        ...model.initializers,
        ['w', float32(new Float32Array(CLASSES * SIZE), [CLASSES, SIZE])],
      ]),
    };
    const { args, learner, trainer } = await batchOf(same);
    const { data } = start(args);
    const { measures } = await methods.efgsm.step(args);
    expect(learner.trainedOn[0]).toEqual(data);
    expect(measures?.robustShare).toBe(0);
    await trainer.close();
  });

  it('two classes and one image will do', async () => {
    const model = linearModel(root, 2);
    const { args, trainer } = await batchOf(model);
    const one = {
      ...args,
      x: { data: args.x.data.slice(0, SIZE), shape: [1, ...SHAPE] },
      y: args.y.slice(0, 1),
      indices: [9],
    };
    const record = await methods.efgsm.step(one);
    expect(record).toMatchObject({ n: 1, measures: { attackSteps: 1 } });
    await trainer.close();
  });
});

describe('κ, eq. 14', () => {
  const size = 40_000;
  const x: Images = { data: new Float32Array(size).fill(0.5), shape: [1, 1, 200, 200] };
  const drawn = (vote: number) =>
    start({
      x,
      indices: [0],
      threat: { norm: 'linf', epsilon: EPSILON },
      options: { ...commonDefaults, sigma: 0.5 },
      state: { numbers: {}, arrays: { votes: new Float32Array(size).fill(vote) } },
      key: root,
    } as unknown as StepArguments).data;
  const share = (of: Float32Array, is: (delta: number) => boolean) =>
    of.filter((v) => is(v - 0.5)).length / size;

  // A normal variable's tails: Φ(−2) = 0.02275, Φ(−4) = 0.00003; four standard errors are 0.01 and less.
  it('without votes is N(0, σ²), clipped to ±ε', () => {
    const at = drawn(0);
    expect(share(at, (d) => d > EPSILON - 1e-6)).toBeCloseTo(0.02275, 2);
    expect(share(at, (d) => d < 1e-6 - EPSILON)).toBeCloseTo(0.02275, 2);
    expect(share(at, (d) => d > 0)).toBeCloseTo(0.5, 1.7);
    expect(Math.max(...at.map((v) => Math.abs(v - 0.5)))).toBeLessThan(EPSILON + 1e-7);
  });

  it.each([1, -20, 0.01])('with Γ = %f is N(sign(Γ)ε, σ²), clipped', (votes) => {
    const at = drawn(votes).map((v) => 0.5 + Math.sign(votes) * (v - 0.5));
    expect(share(at, (d) => d > EPSILON - 1e-6)).toBeCloseTo(0.5, 1.7);
    expect(share(at, (d) => d > EPSILON / 2)).toBeCloseTo(1 - 0.1587, 1.7);
    expect(share(at, (d) => d < 0)).toBeCloseTo(0.02275, 2);
  });
});

describe('augmentation', () => {
  it('votes are cast for the image’s own pixels, and read from there', () => {
    // The second pixel is seen first, the first is out of sight, the third stays; the last was made up.
    const votes = Float32Array.of(9, 9, 9, 4, -2, 6);
    const args = {
      x: { data: Float32Array.of(0.5, 0.5, 0.5), shape: [1, 1, 1, 3] },
      indices: [1],
      origins: Int32Array.of(1, -1, 2),
      threat: { norm: 'linf', epsilon: 0.25 },
      options: { ...commonDefaults, sigma: 0, decay: 0.5 },
      state: { numbers: {}, arrays: { votes } },
      key: root,
    } as unknown as StepArguments;
    expect([...start(args).data]).toEqual([0.25, 0.5, 0.75]);
    vote(args, { data: Float32Array.of(0.6, 0.7, 0.5), shape: args.x.shape });
    expect([...votes]).toEqual([9, 9, 9, 2, 0, 3]);
  });
});

it('efgsm+trades: TRADES’ loss of x and its eFGSM example, §4.2', async () => {
  const model = linearModel(root, CLASSES);
  const { args, learner, trainer } = await batchOf(model, { beta: 6, sigma: 0 });
  const { adversarial } = literal(model, args, CLASSES - 1);
  const { loss } = await methods['efgsm+trades'].step(args);
  expect(learner.trainedOn[0]).toEqual(args.x.data);
  const probabilities = (at: number[], label: number) =>
    reference(model, at, label).error.map((e, k) => e + (k === label ? 1 : 0));
  const all = Array.from(args.y, (label, n) => {
    const [p, q] = [probabilities(row(args.x.data, n), label), probabilities(adversarial[n]!, label)];
    const divergence = p.reduce((s, v, k) => s + v * Math.log(v / q[k]!), 0);
    const smoothed = -0.9 * Math.log(p[label]!) - (0.1 / CLASSES) * p.reduce((s, v) => s + Math.log(v), 0);
    return smoothed + 6 * divergence;
  });
  expect(loss).toBeCloseTo(all.reduce((a, b) => a + b, 0) / N, 4);
  await trainer.close();
});

it('Δ is the distance to the nearest class of any, by the gradients alone', async () => {
  const model = linearModel(root, CLASSES);
  const { args, trainer } = await batchOf(model, { sigma: 0 });
  const all = await nearestBoundary(args, args.x);
  const first = await nearestBoundary({ ...args, options: { ...args.options, rivals: 1 } }, args.x);
  for (let n = 0; n < N; n++) expect(all.distance[n]!).toBeLessThanOrEqual(first.distance[n]!);
  expect([...all.distance]).not.toEqual([...first.distance]); // the runner-up is not always the nearest
  await trainer.close();
});

describe('options', () => {
  it.each([
    ['rivals', -1, /E_RANGE: --rivals of -1, expected an integer, 0 or more/],
    ['rivals', 1.5, /E_RANGE: --rivals/],
    ['reach', 'far', /E_OPTION: --reach 'far', expected free or ball/],
    ['sigma', -0.1, /E_RANGE: --sigma/],
    ['decay', 1.1, /E_RANGE: --decay/],
    ['smoothing', 1, /E_RANGE: --smoothing/],
  ] as const)('%s of %s is refused', (name, value, message) => {
    expect(() => checkedOption(name, value)).toThrow(message);
  });
});
