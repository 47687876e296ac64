/** What the lens says of a linear softmax model, against float64 formulas. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLearner, pgdSight, sightOf } from '../../benchmarks/gaat/lens.ts';
import type { Sight } from '../../benchmarks/gaat/record.ts';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { integers, key, uniform } from '../../src/random/index.ts';
import type { Learner } from '../../src/train/index.ts';
import { linearModel, reference, SHAPE, SIZE } from '../train/linear.ts';

const [N, CLASSES] = [150, 4]; // more than a batch of the lens
const root = key(5);
const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((s, v, i) => s + v * b[i]!, 0);

/** Weights so large that some samples have J·δ < −1 in reach. */
const plain = linearModel(root, CLASSES);
const w = plain.initializers.get('w')!;
const large = { ...w, data: (w.data as Float32Array).map((v) => 6 * v) };
const model = { ...plain, initializers: new Map([...plain.initializers, ['w', large] as const]) };
const x: Images = { data: uniform(root.fold('x'), N * SIZE, 0, 1), shape: [N, ...SHAPE] };
const y = integers(root.fold('y'), N, CLASSES);
const rowOf = (n: number) => Array.from({ length: SIZE }, (_, i) => x.data[n * SIZE + i]!);

const engine: Engine = onnxruntimeEngine({ threads: 1 });
let learner: Learner;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ learner, close } = await openLearner(engine, model, CLASSES));
});
afterAll(async () => {
  await close();
  await engine.close();
});

const request = (epsilon: number) => ({
  ...{ x, y, epsilon, steps: 10, stepSize: epsilon / 8, key: root.fold('lens') },
});

describe('a sight', () => {
  const epsilon = 0.3;
  let sight: Sight;
  beforeAll(async () => {
    sight = await sightOf(learner, request(epsilon));
  });

  it('has ‖J‖₁, and who could be turned round, by the corner of the ball and of [0, 1] against J', () => {
    const all = Array.from(y, (label, n) => ({ x: rowOf(n), J: reference(model, rowOf(n), label).gradient }));
    const l1 = mean(all.map(({ J }) => J.reduce((s, j) => s + Math.abs(j), 0)));
    expect(sight.gradientL1).toBeCloseTo(l1, 3);
    const could = all.filter(({ x: clean, J }) => {
      const corner = clean.map((v, i) => clip(v - epsilon * Math.sign(J[i]!), 0, 1) - v);
      return dot(J, corner) < -1;
    });
    expect(could.length).toBeGreaterThan(0);
    expect(could.length).toBeLessThan(N);
    expect(sight.couldFlip).toBeCloseTo(could.length / N, 12);
    expect(sight.flipped).toBeLessThanOrEqual(sight.couldFlip);
  });

  it('takes the same starts again: J·δ⁰, flips and pixels by float64', async () => {
    // The lens' own starts, as the learner was shown them.
    const starts: Float32Array[] = [];
    const spy: Learner = {
      ...learner,
      ascend: (at, ...rest) => {
        starts.push(at.data.slice());
        return learner.ascend(at, ...rest);
      },
    };
    expect(await sightOf(spy, request(epsilon))).toEqual(sight);
    const from = starts.flatMap((part) => [...part]);
    const seen = Array.from(y, (label, n) => {
      const clean = rowOf(n);
      const start = from.slice(n * SIZE, (n + 1) * SIZE);
      const delta = start.map((v, i) => v - clean[i]!);
      const J = reference(model, clean, label).gradient;
      const there = reference(model, start, label).gradient;
      const wrong = mean(there.map((g, i) => (Math.sign(g) === Math.sign(J[i]!) ? 0 : 1)));
      return { along: Math.abs(dot(J, delta)), isTurned: dot(J, delta) < -1, wrong };
    });
    expect(sight.along).toBeCloseTo(mean(seen.map((s) => s.along)), 4);
    expect(sight.flipped).toBeCloseTo(mean(seen.map((s) => (s.isTurned ? 1 : 0))), 12);
    expect(sight.firstWrong).toBeCloseTo(mean(seen.map((s) => s.wrong)), 6);
    expect(sight.firstWrong).toBeGreaterThan(0);
    // A softmax of a linear network has curvature: the exact Hessian tells more of the signs than none.
    expect(sight.exactWrong).not.toBe(sight.firstWrong);
    expect(sight.mixed).toBeGreaterThan(0);
  });

  it('is exact in the limit: R shrinks as ε² without H and as ε³ with the exact one', async () => {
    const [far, near] = [await sightOf(learner, request(0.02)), await sightOf(learner, request(0.01))];
    expect(far.pgd.none / near.pgd.none).toBeGreaterThan(3.4);
    expect(far.pgd.none / near.pgd.none).toBeLessThan(4.6);
    expect(far.pgd.exact / near.pgd.exact).toBeGreaterThan(6);
    // JJᵀ is not the Hessian: what it leaves is of second order, too.
    expect(far.pgd.gaussNewton / near.pgd.gaussNewton).toBeLessThan(4.6);
    expect(near.pgd.rise).toBeGreaterThan(0);
  });
});

describe('the sight of PGD', () => {
  it('is R where its steps end, and ‖∇ℓ‖₁ before the last, by float64', async () => {
    const starts: Float32Array[] = [];
    const spy: Learner = {
      ...learner,
      ascend: (at, labels, clean, step, times) => {
        if (times !== undefined) starts.push(at.data.slice());
        return learner.ascend(at, labels, clean, step, times);
      },
    };
    const given = { ...request(0.2), steps: 3, stepSize: 0.1 };
    const { residual, gradientL1 } = await pgdSight(spy, given);
    const from = starts.flatMap((part) => [...part]);
    const seen = Array.from(y, (label, n) => {
      const clean = rowOf(n);
      let at = from.slice(n * SIZE, (n + 1) * SIZE);
      let l1 = 0;
      for (let t = 0; t < 3; t++) {
        const { gradient } = reference(model, at, label);
        l1 = gradient.reduce((s, g) => s + Math.abs(g), 0);
        at = at.map((v, i) =>
          clip(clip(v + 0.1 * Math.sign(gradient[i]!), clean[i]! - 0.2, clean[i]! + 0.2), 0, 1),
        );
      }
      const { loss, gradient: J } = reference(model, clean, label);
      const slope = dot(
        J,
        at.map((v, i) => v - clean[i]!),
      );
      return { l1, R: Math.abs(reference(model, at, label).loss - loss - slope - 0.5 * slope ** 2) };
    });
    expect(gradientL1).toBeCloseTo(mean(seen.map((s) => s.l1)), 3);
    expect(residual / mean(seen.map((s) => s.R))).toBeCloseTo(1, 3);
  });
});
