import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attacks, type Classifier, predictions } from '../../../src/eval/index.ts';
import { key, uniform } from '../../../src/random/index.ts';
import { difference, lengths, middleOf, NORMS, problem, run } from './square-problem.ts';

const { square } = attacks;

describe('on linear models, where the distance to the boundary is known', () => {
  // Under L∞ random search ends by setting the signs one pixel at a time, and reaches the optimum but for roundings. Under L2
  // and L1 it moves bumps of 3×3 pixels, which weights of white noise suit badly.
  it.each([
    ['linf', 1.01, 0.999, 5000],
    ['l2', 2, 0.98, 1500],
    ['l1', 2, 0.98, 1500],
  ] as const)(
    '%s: ε %d times as large as needed suffices for a share of %d in %d queries, less than needed for none',
    async (norm, margin, share, queries) => {
      let [possible, found] = [0, 0];
      for (let seed = 0; seed < 4; seed++) {
        const p = problem(seed, 40, [seed % 2 ? 3 : 1, 6, 6], norm);
        const epsilon = middleOf(p.radii) * margin;
        const { broken } = await run(p, norm, epsilon, { queries });
        for (const [i, radius] of p.radii.entries()) {
          if (broken[i]) expect(radius).toBeLessThan(epsilon * (1 + 1e-5));
          if (radius * margin > epsilon) continue;
          possible += 1;
          if (broken[i]) found += 1;
        }
      }
      expect(possible).toBeGreaterThan(60);
      expect(found / possible).toBeGreaterThanOrEqual(share);
    },
  );

  it.each(NORMS)(
    '%s stays in the ball and in [0, 1], near walls too, and claims only what is so',
    async (norm) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: 2 ** 31 }),
          fc.constantFrom([1, 4, 4] as const, [3, 7, 5] as const, [2, 1, 1] as const, [1, 2, 9] as const),
          fc.double({ min: 1e-4, max: norm === 'linf' ? 1 : 9, noNaN: true }),
          async (seed, shape, epsilon) => {
            const p = problem(seed, 3, shape, norm);
            const walls = uniform(key(seed).fold('walls'), p.x.data.length, -0.5, 1.5);
            const x = { ...p.x, data: walls.map((v) => Math.min(1, Math.max(0, v))) };
            const logits = await p.classifier.logits(x);
            const y = Int32Array.from({ length: 3 }, (_, i) =>
              logits[2 * i]! >= logits[2 * i + 1]! ? 0 : 1,
            );
            const { adversarial, broken } = await run({ ...p, x, y }, norm, epsilon, { queries: 60 });
            const after = await p.classifier.logits({ data: adversarial, shape: x.shape });
            for (let i = 0; i < 3; i++) {
              // A pixel in [0, 1] is rounded by 2⁻²⁵ at most.
              const rounding = lengths[norm](Array<number>(p.size).fill(2 ** -25));
              const d = lengths[norm](difference(adversarial, x.data, i, p.size));
              expect(d).toBeLessThanOrEqual(epsilon + rounding + 1e-9 * epsilon);
              expect(after[2 * i]! >= after[2 * i + 1]! ? 0 : 1).toBe(broken[i] ? 1 - y[i]! : y[i]!);
            }
            expect(adversarial.every((v) => v >= 0 && v <= 1)).toBe(true);
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  it('towards a class it counts only that class', async () => {
    // z_k = 10·x_k: any of the classes 1 to 3 is reached where its pixel rises above pixel 0, which needs a radius of 0.1.
    const classifier: Classifier = {
      classes: 4,
      logits: async ({ data }) => data.map((v) => 10 * v),
      gradient: () => Promise.reject(new Error('no gradient is used')),
    };
    const n = 12;
    const x = {
      data: Float32Array.from({ length: 4 * n }, (_, i) => (i % 4 ? 0.4 : 0.6)),
      shape: [n, 1, 2, 2],
    };
    const target = Int32Array.from({ length: n }, (_, i) => 1 + (i % 3));
    for (const [epsilon, expected] of [
      [0.11, true],
      [0.09, false],
    ] as const) {
      const { adversarial, broken } = await square.run({
        classifier,
        x,
        y: new Int32Array(n),
        target,
        threat: { norm: 'linf', epsilon },
        parameters: { queries: 500 },
        key: key(1),
      });
      expect(broken).toEqual(Array(n).fill(expected));
      const won = predictions(adversarial, 4);
      if (expected) expect(Array.from(won)).toEqual(Array.from(target));
    }
  });
});

describe('what an image gets', () => {
  it.each(NORMS)('%s depends on its index, its radius and the key alone', async (norm) => {
    const n = 300; // more than a batch: rows are used again
    const p = problem(3, n, [1, 5, 5], norm);
    const radius = middleOf(p.radii);
    const [a, b] = [radius * 0.5, radius * 2];
    const parameters = { queries: 30 };
    const mixed = Float32Array.from({ length: n }, (_, i) => (i % 3 === 0 ? a : b));
    const [small, large] = [
      await run(p, norm, Math.fround(a), parameters),
      await run(p, norm, Math.fround(b), parameters),
    ];
    const both = await run(p, norm, mixed, parameters);
    const first = await run(
      { ...p, x: { data: p.x.data.slice(0, 40 * 25), shape: [40, 1, 5, 5] }, y: p.y.slice(0, 40) },
      norm,
      Math.fround(b),
      parameters,
    );
    const of = (output: { adversarial: Float32Array }, i: number) =>
      output.adversarial.slice(25 * i, 25 * (i + 1));
    for (let i = 0; i < n; i++) {
      const alike = i % 3 === 0 ? small : large;
      expect(of(both, i)).toEqual(of(alike, i));
      expect(both.broken[i]).toBe(alike.broken[i]);
      if (i < 40) expect(of(first, i)).toEqual(of(large, i));
    }
    expect(both.broken).toContain(true);
    expect(both.broken).toContain(false);
    expect((await run(p, norm, radius, parameters, 2)).adversarial).not.toEqual(
      (await run(p, norm, radius, parameters, 3)).adversarial,
    );
  });
});

describe('edge cases', () => {
  it.each(NORMS)('%s: no images, no queries', async (norm) => {
    const p = problem(1, 4, [1, 5, 5], norm);
    const none = await run(
      { ...p, x: { data: new Float32Array(), shape: [0, 1, 5, 5] }, y: new Int32Array() },
      norm,
      0.1,
    );
    expect(none).toEqual({ adversarial: new Float32Array(), broken: [] });
    const idle = await run(p, norm, 0.1, { queries: 0 });
    expect(idle).toEqual({ adversarial: p.x.data, broken: Array(4).fill(false) });
    expect(p.asked.images).toBe(0);
  });

  it('all broken at once cost one query each', async () => {
    const p = problem(1, 700, [1, 5, 5], 'linf');
    let images = 0;
    const classifier: Classifier = {
      ...p.classifier,
      async logits({ shape }) {
        images += shape[0]!;
        return Float32Array.from({ length: 2 * shape[0]! }, (_, k) => k % 2);
      },
    };
    const { broken } = await run({ ...p, classifier, y: new Int32Array(700) }, 'linf', 0.1);
    expect(broken).toEqual(Array(700).fill(true));
    expect(images).toBe(700);
  });

  it('an end that comes early leaves what was found', async () => {
    const p = problem(2, 30, [1, 6, 6], 'linf');
    const stop = new AbortController();
    let calls = 0;
    const classifier: Classifier = {
      ...p.classifier,
      async logits(x) {
        if (++calls === 20) stop.abort();
        return p.classifier.logits(x);
      },
    };
    const epsilon = middleOf(p.radii) * 1.2;
    const { adversarial, broken } = await square.run({
      classifier,
      x: p.x,
      y: p.y,
      threat: { norm: 'linf', epsilon },
      parameters: {},
      key: key(0),
      signal: stop.signal,
    });
    expect(calls).toBe(20);
    expect(broken).toContain(true);
    const after = predictions(await p.classifier.logits({ data: adversarial, shape: p.x.shape }), 2);
    for (const [i, b] of broken.entries()) expect(after[i] !== p.y[i]).toBe(b);
  });

  it('says how far it is: from 0 to 1, and never less than before', async () => {
    const p = problem(4, 300, [1, 6, 6], 'linf');
    const fractions: number[] = [];
    await square.run({
      ...p,
      threat: { norm: 'linf', epsilon: middleOf(p.radii) },
      parameters: { queries: 50 },
      key: key(0),
      onProgress: (f) => fractions.push(f),
    });
    expect(fractions.every((f, i) => f >= (fractions[i - 1] ?? 0))).toBe(true);
    expect(fractions.at(-1)).toBeCloseTo(1, 1);
    expect(Math.max(...fractions)).toBeLessThanOrEqual(1);
  });
});
