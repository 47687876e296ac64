/**
 * What eq. (8) of the GAAT paper comes to: with H = JJᵀ, sign(J + Hδ) is sign J or its opposite on all pixels at once, and T
 * steps of α are one of T·α. By the matrices themselves, in float64; and what the exact Hessian makes of both.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { parameterNames } from '../../src/graph/index.ts';
import { integers, key, uniform } from '../../src/random/index.ts';
import { curvatures } from '../../src/train/curvature.ts';
import { gaatSteps } from '../../src/train/gaat.ts';
import {
  commonDefaults,
  createLearner,
  type MethodOptions,
  methods,
  noState,
  type StepArguments,
} from '../../src/train/index.ts';
import { linearModel, reference, SHAPE, SIZE } from './linear.ts';

type Vector = readonly number[];
type Matrix = readonly Vector[];

const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));
const dot = (a: Vector, b: Vector) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
/** JJᵀ, entry by entry. */
const outer = (J: Vector): Matrix => J.map((a) => J.map((b) => a * b));
/** sign(J + Hδ). */
const direction = (J: Vector, H: Matrix, delta: Vector): Vector =>
  J.map((j, i) => Math.sign(j + dot(H[i]!, delta)));

interface Attack {
  readonly steps: number;
  readonly stepSize: number;
  readonly epsilon: number;
}

/** Alg. 2, l. 7–10: δ and every direction on the way. */
function loop(J: Vector, H: Matrix, from: Vector, { steps, stepSize, epsilon }: Attack) {
  let delta = from;
  const directions: Vector[] = [];
  for (let t = 0; t < steps; t++) {
    const along = direction(J, H, delta);
    directions.push(along);
    delta = delta.map((d, i) => clip(d + stepSize * along[i]!, -epsilon, epsilon));
  }
  return { delta, directions };
}

/** One step of T·α along s·sign J, where s is the sign of 1 + J·δ⁰. */
const atOnce = (J: Vector, from: Vector, { steps, stepSize, epsilon }: Attack): Vector => {
  const s = Math.sign(1 + dot(J, from));
  return from.map((d, i) => clip(d + s * steps * stepSize * Math.sign(J[i]!), -epsilon, epsilon));
};

const entry = fc.integer({ min: -1000, max: 1000 }).map((v) => v / 1000);
const vector = (length: number) => fc.array(entry, { minLength: length, maxLength: length });
/** J with zeros among its entries, a start in the ball, half of the starts against J. */
const cases = fc
  .tuple(
    fc.integer({ min: 1, max: 12 }).chain((n) => fc.tuple(vector(n), vector(n))),
    fc.constantFrom(0.1, 1, 10, 100),
    fc.constantFrom(8 / 255, 0.1, 0.3),
    fc.integer({ min: 1, max: 30 }),
    fc.constantFrom(0.05, 0.125, 1),
    fc.boolean(),
  )
  .map(([[raw, unit], scale, epsilon, steps, alpha, against]) => {
    const J = raw.map((v) => (Math.abs(v) < 0.05 ? 0 : v * scale));
    const from = unit.map((u, i) => epsilon * (against ? -Math.sign(J[i]!) * Math.abs(u) : u));
    return { J, from, attack: { steps, epsilon, stepSize: alpha * epsilon } };
  })
  .filter(({ J, from }) => Math.abs(1 + dot(J, from)) > 1e-6); // at 0 a sign is a matter of rounding

describe('H = JJᵀ', () => {
  it('turns all pixels or none, by the sign of 1 + J·δ, at every step the same', () => {
    let turned = 0;
    fc.assert(
      fc.property(cases, ({ J, from, attack }) => {
        const s = Math.sign(1 + dot(J, from));
        if (s < 0) turned += 1;
        for (const along of loop(J, outer(J), from, attack).directions)
          expect(along.map((v) => v + 0)).toEqual(J.map((j) => s * Math.sign(j) + 0));
      }),
      { numRuns: 1000, seed: 8 },
    );
    expect(turned).toBeGreaterThan(100);
  });

  it('makes T steps of α one of T·α', () => {
    fc.assert(
      fc.property(cases, ({ J, from, attack }) => {
        const { delta } = loop(J, outer(J), from, attack);
        const expected = atOnce(J, from, attack);
        for (const [i, d] of delta.entries()) expect(Math.abs(d - expected[i]!)).toBeLessThan(1e-12);
      }),
      { numRuns: 1000, seed: 9 },
    );
  });

  it('turns nothing where ε·‖J‖₁ < 1, nor from δ⁰ = 0', () => {
    fc.assert(
      fc.property(cases, ({ J, from, attack: { epsilon } }) => {
        const l1 = J.reduce((sum, j) => sum + Math.abs(j), 0);
        const small = J.map((j) => (0.99 * j) / Math.max(1, epsilon * l1));
        expect(1 + dot(small, from)).toBeGreaterThan(0);
        const zero = J.map(() => 0);
        expect(direction(J, outer(J), zero)).toEqual(J.map(Math.sign));
      }),
      { numRuns: 300, seed: 10 },
    );
    // It can where ε·‖J‖₁ > 1: the corner against J.
    const [J, epsilon] = [[4, -8], 0.1];
    expect(direction(J, outer(J), [-epsilon, epsilon])).toEqual([-1, 1]);
  });

  it('of the mean loss turns less: J is smaller by the size of the mini-batch', () => {
    const [J, delta, size] = [[4, -8], [-0.1, 0.1], 128] as const;
    const mean = J.map((j) => j / size);
    expect(direction(J, outer(J), delta)).toEqual([-1, 1]);
    expect(direction(mean, outer(mean), delta)).toEqual([1, -1]);
  });
});

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const [N, CLASSES] = [8, 5];
const root = key(47);
const epsilon = 0.3;
const attack: Attack = { steps: 12, stepSize: 0.05, epsilon };

/** The linear softmax model, its weights larger, so that there is curvature; images far from 0 and 1. */
async function bed(hessian: MethodOptions['hessian']) {
  const plain = linearModel(root, CLASSES);
  const w = plain.initializers.get('w')!;
  const larger = { ...w, data: (w.data as Float32Array).map((v) => 5 * v) };
  const model = { ...plain, initializers: new Map([...plain.initializers, ['w', larger] as const]) };
  const optimizer = { momentum: 0, weightDecay: 0 };
  const trainer = await engine.trainer({ model, parameters: parameterNames(model), optimizer });
  const x: Images = { data: uniform(root.fold('x'), N * SIZE, 0.4, 0.6), shape: [N, ...SHAPE] };
  const args: StepArguments = {
    ...{ learner: await createLearner(trainer, model, { classes: CLASSES }), x },
    ...{ y: integers(root.fold('y'), N, CLASSES), indices: Array.from({ length: N }, (_, i) => i) },
    ...{ epoch: 0, threat: { norm: 'linf', epsilon }, steps: attack.steps, stepSize: attack.stepSize },
    ...{ state: noState(), key: root },
    options: { ...commonDefaults, ...methods.gaat.defaults, hessian },
  };
  return { model, args, close: () => trainer.close() };
}

/** ∂²ℓ/∂x² of the linear softmax model, by its formula: Wᵀ(diag p − ppᵀ)W. */
function exactHessian(model: ReturnType<typeof linearModel>, x: Vector, y: number): Matrix {
  const w = model.initializers.get('w')!.data as Float32Array;
  const p = reference(model, x, y).error.map((e, k) => e + (k === y ? 1 : 0));
  const column = (i: number) => p.map((_, k) => w[k * SIZE + i]!);
  return Array.from({ length: SIZE }, (_, i) =>
    Array.from({ length: SIZE }, (__, j) => {
      const [a, b] = [column(i), column(j)];
      return p.reduce((sum, v, k) => sum + v * a[k]! * b[k]!, 0) - dot(p, a) * dot(p, b);
    }),
  );
}

const rowOf = (data: ArrayLike<number>, n: number): Vector =>
  Array.from({ length: SIZE }, (_, i) => data[n * SIZE + i]!);
const differ = (a: Vector, b: Vector): boolean => a.some((v, i) => Math.abs(v - b[i]!) > 1e-4);

describe('the method’s steps on a linear softmax model', () => {
  const noise = uniform(root.fold('noise'), N * SIZE, -epsilon, epsilon);

  it.each(['gauss-newton', 'exact'] as const)('%s: where the matrices lead', async (hessian) => {
    const { model, args, close } = await bed(hessian);
    const { x, y } = args;
    const from = x.data.map((v, i) => v + noise[i]!);
    const expansion = await curvatures[hessian](args, { of: {}, delta: from.map((v, i) => v - x.data[i]!) });
    const { adversarial } = await gaatSteps(args, from, expansion);
    await close();
    const [mixed, notOneStep] = [new Set<number>(), new Set<number>()];
    for (let n = 0; n < N; n++) {
      const [clean, start] = [rowOf(x.data, n), rowOf(from, n)];
      const J = reference(model, clean, y[n]!).gradient;
      const H = hessian === 'exact' ? exactHessian(model, clean, y[n]!) : outer(J);
      const delta0 = start.map((v, i) => v - clean[i]!);
      const { delta, directions } = loop(J, H, delta0, attack);
      for (const [i, v] of rowOf(adversarial, n).entries()) expect(v - clean[i]!).toBeCloseTo(delta[i]!, 5);
      for (const along of directions) {
        const same = along.filter((v, i) => v === Math.sign(J[i]!)).length;
        if (same > 0 && same < SIZE) mixed.add(n);
      }
      if (differ(delta, atOnce(J, delta0, attack))) notOneStep.add(n);
    }
    // Eq. (8) collapses on every sample; the exact Hessian does not on those where there is curvature.
    if (hessian === 'gauss-newton') expect([mixed.size, notOneStep.size]).toEqual([0, 0]);
    else {
      expect(mixed.size).toBeGreaterThan(1);
      expect(notOneStep.size).toBeGreaterThan(1);
    }
  });
});
