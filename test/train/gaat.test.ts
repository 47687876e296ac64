/** GAAT's kinds of H, its other surrogates, and its switch to exact gradients, against float64 formulas. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { parameterNames } from '../../src/graph/index.ts';
import { integers, key, signs, uniform } from '../../src/random/index.ts';
import { curvatures } from '../../src/train/curvature.ts';
import {
  checkedOption,
  commonDefaults,
  createLearner,
  type MethodOptions,
  methods,
  noState,
  type OptionName,
  type StepArguments,
} from '../../src/train/index.ts';
import { linearModel, recorded, reference, SHAPE, SIZE } from './linear.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const N = 6;
const root = key(31);
const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));
const row = (data: ArrayLike<number>, n: number) =>
  Array.from({ length: SIZE }, (_, i) => data[n * SIZE + i]!);
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const largest = (a: readonly number[]) => Math.max(...a);

interface Setting extends Partial<MethodOptions> {
  readonly classes?: number;
  readonly epsilon?: number;
  readonly steps?: number;
  readonly stepSize?: number;
  /** Of the weights: what makes curvature matter. */
  readonly scale?: number;
}

/** The linear model, a learner on it, and what a step is told. */
async function open({
  classes = 5,
  epsilon = 0.1,
  steps = 4,
  stepSize = 0.03,
  scale = 1,
  ...options
}: Setting) {
  const plain = linearModel(root, classes);
  const w = plain.initializers.get('w')!;
  const scaled = { ...w, data: (w.data as Float32Array).map((v) => v * scale) };
  const model = { ...plain, initializers: new Map([...plain.initializers, ['w', scaled] as const]) };
  const trainer = await engine.trainer({
    model,
    parameters: parameterNames(model),
    optimizer: { momentum: 0, weightDecay: 0 },
  });
  const real = await createLearner(trainer, model, { classes });
  real.learningRate = 0.05;
  const x: Images = { data: uniform(root.fold('x'), N * SIZE, 0.4, 0.6), shape: [N, ...SHAPE] };
  const args: StepArguments = {
    learner: recorded(real),
    x,
    y: integers(root.fold('y'), N, classes),
    indices: Array.from({ length: N }, (_, i) => i),
    epoch: 0,
    threat: { norm: 'linf', epsilon },
    steps,
    stepSize,
    options: { ...commonDefaults, ...methods.gaat.defaults, ...options },
    state: noState(),
    key: root.fold('step'),
  };
  return { model, args, close: () => trainer.close() };
}

async function stepOf(setting: Setting, method: 'gaat' | 'pgd' = 'gaat') {
  const { model, args, close } = await open(setting);
  const record = await methods[method].step(args);
  await close();
  const { trainedOn } = args.learner as ReturnType<typeof recorded>;
  return { model, args, record, trainedOn: trainedOn[0]! };
}

/** The Hessian of the cross-entropy on the linear model: Wᵀ(diag p − ppᵀ)W. */
function hessian(model: ReturnType<typeof linearModel>, x: readonly number[], y: number): number[][] {
  const w = model.initializers.get('w')!.data as Float32Array;
  const { error } = reference(model, x, y);
  const p = error.map((e, k) => e + (k === y ? 1 : 0));
  const mean = Array.from({ length: SIZE }, (_, i) => p.reduce((s, v, k) => s + v * w[k * SIZE + i]!, 0));
  return mean.map((mi, i) =>
    mean.map((mj, j) => p.reduce((s, v, k) => s + v * w[k * SIZE + i]! * w[k * SIZE + j]!, 0) - mi * mj),
  );
}

/** Alg. 2, l. 7–10, in float64, with any product. */
function climb(
  x: number[],
  from: number[],
  J: number[],
  product: (d: number[]) => number[],
  s: Required<Pick<Setting, 'steps' | 'stepSize' | 'epsilon'>>,
) {
  let at = from;
  for (let t = 0; t < s.steps; t++) {
    const bend = product(at.map((v, i) => v - x[i]!));
    at = at.map((v, i) => {
      const moved = v + s.stepSize * Math.sign(J[i]! + bend[i]!);
      return clip(clip(moved, x[i]! - s.epsilon, x[i]! + s.epsilon), 0, 1);
    });
  }
  return at;
}

describe('the Hessian of the linear model, Wᵀ(diag p − ppᵀ)W', () => {
  it('is what hessianVector and hessianProduct multiply with', async () => {
    const { model, args, close } = await open({ scale: 3 });
    const { learner, x, y } = args;
    const v = uniform(root.fold('v'), x.data.length, -1, 1);
    const { hvp, gradient, loss, logits } = await learner.hessianVector(x, y, v);
    expect(await learner.hessianProduct(x, y, v)).toEqual(hvp);
    await close();
    for (let n = 0; n < N; n++) {
      const H = hessian(model, row(x.data, n), y[n]!);
      const expected = reference(model, row(x.data, n), y[n]!);
      expect(loss[n]!).toBeCloseTo(expected.loss, 4);
      for (let k = 0; k < 5; k++) expect(logits[n * 5 + k]!).toBeCloseTo(expected.logits[k]!, 4);
      for (let i = 0; i < SIZE; i++) {
        expect(hvp[n * SIZE + i]!).toBeCloseTo(dot(H[i]!, row(v, n)), 4);
        expect(gradient[n * SIZE + i]!).toBeCloseTo(expected.gradient[i]!, 4);
      }
    }
  });

  it('has the diagonal of eq. (10), which the estimate tends to', async () => {
    const probes = 600;
    const { model, args, close } = await open({ hessian: 'diagonal', probes, scale: 2 });
    const ones = new Float32Array(N * SIZE).fill(1);
    const { product, passes } = await curvatures.diagonal(args, { of: {}, delta: ones });
    const entries = await product!(ones, 0);
    await close();
    expect(passes).toBe(probes + 1);
    for (let n = 0; n < N; n++) {
      const H = hessian(model, row(args.x.data, n), args.y[n]!);
      for (let i = 0; i < SIZE; i++) {
        // The estimate's variance: the squares beside the diagonal, over the number of probes. Five deviations.
        const variance = H[i]!.reduce((s, h, j) => s + (j === i ? 0 : h * h), 0) / probes;
        expect(Math.abs(entries[n * SIZE + i]! - H[i]![i]!)).toBeLessThan(5 * Math.sqrt(variance) + 1e-5);
      }
    }
  });
});

describe('steps along sign(J + Hδ) on the linear model', () => {
  const setting = { epsilon: 0.3, steps: 12, stepSize: 0.05, scale: 5, start: 'random' } as const;

  it.each([
    ['exact', (H: number[][]) => (d: number[]) => H.map((h) => dot(h, d))],
    ['diagonal', undefined],
    ['none', () => (d: number[]) => d.map(() => 0)],
  ] as const)('%s: the listing in float64', async (kind, productOf) => {
    const { model, args, trainedOn } = await stepOf({ ...setting, hessian: kind });
    const { x, y } = args;
    const noise = uniform(args.key.fold('start'), x.data.length, -0.3, 0.3);
    const v = signs(args.key.fold('probe', 0), x.data.length);
    let bent = 0;
    let off = 0;
    for (let n = 0; n < N; n++) {
      const clean = row(x.data, n);
      const H = hessian(model, clean, y[n]!);
      const probe = row(v, n);
      const entries = H.map((h, i) => dot(h, probe) * probe[i]!); // v ⊙ Hv
      const product = productOf?.(H) ?? ((d: number[]) => d.map((value, i) => value * entries[i]!));
      const J = reference(model, clean, y[n]!).gradient;
      const from = clean.map((value, i) => clip(value + noise[n * SIZE + i]!, 0, 1));
      const expected = climb(clean, from, J, product, setting);
      const straight = climb(clean, from, J, (d) => d.map(() => 0), setting);
      for (let i = 0; i < SIZE; i++) {
        if (Math.abs(trainedOn[n * SIZE + i]! - expected[i]!) > 1e-5) off += 1;
        if (Math.abs(straight[i]! - expected[i]!) > 1e-3) bent += 1;
      }
    }
    expect(off).toBe(0);
    if (kind === 'none') expect(bent).toBe(0);
    else expect(bent).toBeGreaterThan(kind === 'exact' ? 3 : 0); // H made a difference
  });

  it('margin: T steps at once along w_k − w_y of the strongest rival k', async () => {
    const { model, args, trainedOn, record } = await stepOf({
      surrogate: 'margin',
      steps: 3,
      stepSize: 0.02,
    });
    const w = model.initializers.get('w')!.data as Float32Array;
    for (let n = 0; n < N; n++) {
      const clean = row(args.x.data, n);
      const { logits } = reference(model, clean, args.y[n]!);
      const rivals = logits.map((z, k) => (k === args.y[n] ? Number.NEGATIVE_INFINITY : z));
      const k = rivals.indexOf(largest(rivals));
      for (let i = 0; i < SIZE; i++) {
        const direction = Math.sign(w[k * SIZE + i]! - w[args.y[n]! * SIZE + i]!);
        expect(trainedOn[n * SIZE + i]!).toBeCloseTo(clean[i]! + 0.06 * direction, 6);
      }
    }
    expect(record.measures?.residual).toBeGreaterThan(0);
  });
});

describe('deepfool inside GAAT', () => {
  it('two classes: stops 2 % beyond the boundary, or where the ball ends', async () => {
    const { model, args, trainedOn, record } = await stepOf({
      classes: 2,
      surrogate: 'deepfool',
      steps: 1,
      stepSize: 1,
      epsilon: 0.07,
    });
    const w = model.initializers.get('w')!.data as Float32Array;
    const stops = { boundary: 0, ball: 0, start: 0 };
    for (let n = 0; n < N; n++) {
      const clean = row(args.x.data, n);
      const [label, other] = [args.y[n]!, 1 - args.y[n]!];
      const { logits } = reference(model, clean, label);
      const slope = clean.map((_, i) => w[other * SIZE + i]! - w[label * SIZE + i]!);
      const distance = (logits[label]! - logits[other]!) / slope.reduce((s, v) => s + Math.abs(v), 0);
      const length = distance < 0 ? 0 : Math.min(1.02 * distance, 0.07);
      stops[distance < 0 ? 'start' : length < 0.07 ? 'boundary' : 'ball'] += 1;
      for (let i = 0; i < SIZE; i++)
        expect(trainedOn[n * SIZE + i]!).toBeCloseTo(clean[i]! + length * Math.sign(slope[i]!), 6);
    }
    expect(Math.min(stops.start, stops.ball + stops.boundary)).toBeGreaterThan(0);
    // On a linear network the linearisation is exact.
    expect(record.measures?.residual).toBeLessThan(1e-5);
  });

  it('several classes: what is within reach is misclassified, and small steps get there too', async () => {
    const setting = { classes: 4, surrogate: 'deepfool', epsilon: 0.25, steps: 60, stepSize: 0.005 } as const;
    const { model, args, trainedOn, record } = await stepOf(setting);
    let crossed = 0;
    for (let n = 0; n < N; n++) {
      const [label, clean, at] = [args.y[n]!, row(args.x.data, n), row(trainedOn, n)];
      const margin = (x: number[]) => {
        const { logits } = reference(model, x, label);
        return largest(logits.filter((_, k) => k !== label)) - logits[label]!;
      };
      if (margin(clean) >= 0) expect(at).toEqual(clean);
      else if (margin(at) > 0) {
        crossed += 1;
        expect(margin(at)).toBeLessThan(0.2); // just beyond
      } else expect(largest(at.map((v, i) => Math.abs(v - clean[i]!)))).toBeCloseTo(0.25, 5);
    }
    expect(crossed).toBeGreaterThan(0);
    expect(record.measures?.residual).toBeLessThan(1e-5);
  });
});

describe('adaptive', () => {
  const setting = { epsilon: 0.3, steps: 5, stepSize: 0.08, scale: 3, start: 'random' } as const;

  it('is GAAT where R is below the limit, PGD where it is above, R in between', async () => {
    const [gaat, pgd] = [await stepOf(setting), await stepOf(setting, 'pgd')];
    expect(gaat.trainedOn).not.toEqual(pgd.trainedOn);
    const low = await stepOf({ ...setting, residualLimit: 1e-9 });
    const high = await stepOf({ ...setting, residualLimit: 1e9 });
    expect(low.trainedOn).toEqual(pgd.trainedOn);
    expect(high.trainedOn).toEqual(gaat.trainedOn);
    expect(low.record.measures).toMatchObject({ exactShare: 1, attackSteps: 6 });
    expect(high.record.measures).toMatchObject({ exactShare: 0, attackSteps: 1 });

    // R of the first of six samples (an eighth, rounded up), by hand.
    const [clean, at] = [row(gaat.args.x.data, 0), row(gaat.trainedOn, 0)];
    const { loss, gradient } = reference(gaat.model, clean, gaat.args.y[0]!);
    const product = dot(
      gradient,
      at.map((v, i) => v - clean[i]!),
    );
    const R = Math.abs(reference(gaat.model, at, gaat.args.y[0]!).loss - loss - product - 0.5 * product ** 2);
    for (const { record } of [low, high]) expect(record.measures?.residual).toBeCloseTo(R, 4);
    const [above, below] = [
      await stepOf({ ...setting, residualLimit: R * 0.99 }),
      await stepOf({ ...setting, residualLimit: R * 1.01 }),
    ];
    expect(above.record.measures?.exactShare).toBe(1);
    expect(below.record.measures?.exactShare).toBe(0);
  });
});

it.each([
  ['hessian', 'full', /^E_OPTION: --hessian 'full', expected gauss-newton or none or diagonal or exact/],
  ['surrogate', 'kl', /^E_OPTION: --surrogate 'kl', expected ce or margin or deepfool/],
  ['probes', 0, /^E_RANGE: --probes of 0, expected an integer, 1 or more/],
  ['residualLimit', -1, /^E_RANGE: --adaptive of -1, expected 0 or more/],
] as const)('refuses %s %s', (name, value, message) => {
  expect(() => checkedOption(name as OptionName, value)).toThrow(message);
});
