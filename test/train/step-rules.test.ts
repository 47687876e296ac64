/** Rules for the number of steps: by the gradients’ magnitude, and FAT’s, per sample. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { gather, gatherLabels } from '../../src/eval/index.ts';
import { parameterNames } from '../../src/graph/index.ts';
import { uniform } from '../../src/random/index.ts';
import { friendlyPerturb } from '../../src/train/friendly.ts';
import { commonDefaults, createLearner, methods, noState } from '../../src/train/index.ts';
import { adjusted, beginMagnitude, growByMagnitude } from '../../src/train/magnitude.ts';
import { bits } from '../runs/files.ts';
import { SIZE } from './linear.ts';
import {
  batchOf,
  CLASSES,
  clip,
  EPSILON,
  expectSame,
  float64,
  model,
  N,
  root,
  rowsOf,
  stepsOf,
  withCount,
} from './steps.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

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
      const found = await stepsOf(engine, methods['m-pgd'], {
        ...given,
        state: withCount(r),
        steps: 7,
        stepSize,
      });
      const alpha = Math.max(stepSize, EPSILON / r);
      const wanted = await stepsOf(engine, methods.pgd, { ...given, steps: r, stepSize: alpha });
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
    const { trainedOn, record, passes } = await stepsOf(engine, methods.fat, {
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
    const friendly = await stepsOf(engine, methods.fat, {
      ...given,
      options: { start: 'random', patience: 4 },
    });
    const plain = await stepsOf(engine, methods.pgd, given);
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
      const plain = await stepsOf(engine, methods[base], given);
      const friendly = await stepsOf(engine, methods[`f-${base}`], { ...given, options: { patience: 3 } });
      const guided = await stepsOf(engine, methods[`m-${base}`], { ...given, state: withCount(3) });
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
    const { calls } = await stepsOf(engine, methods.fat, {
      batches: [{ x, y: wrong }],
      steps: 50,
      options: { patience: 0, start: 'zero' },
    });
    expect(calls).toEqual(['ascend', 'update']);
  });
});
