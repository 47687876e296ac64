import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bumpOf } from '../../../src/eval/attacks/square-moves.ts';
import {
  type AttackParameters,
  attacks,
  type Classifier,
  type Images,
  type Norm,
  predictions,
} from '../../../src/eval/index.ts';
import { key, normal, uniform } from '../../../src/random/index.ts';
import { fake } from '../fakes.ts';

const { square } = attacks;
const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const lengths: Record<Norm, (v: readonly number[]) => number> = {
  linf: (v) => Math.max(...v.map(Math.abs)),
  l2: (v) => Math.sqrt(sum(v.map((d) => d * d))),
  l1: (v) => sum(v.map(Math.abs)),
};
const DUAL: Record<Norm, Norm> = { linf: 'l1', l2: 'l2', l1: 'linf' };

/** x′ − x of one image, in float64. */
const difference = (a: Float32Array, b: Float32Array, i: number, size: number) =>
  Array.from({ length: size }, (_, k) => a[i * size + k]! - b[i * size + k]!);

/** z₀ − z₁ = w·x + b for images [N, C, H, W] around grey, and each image's distance to the boundary. */
function problem(seed: number, n: number, [c, h, w]: readonly [number, number, number], norm: Norm) {
  const size = c * h * w;
  const weights = normal(key(seed).fold('w'), size);
  const data = uniform(key(seed).fold('x'), n * size, 0.45, 0.55);
  const b = -weights.reduce((sum, v) => sum + v * 0.5, 0);
  const value = (x: Float32Array, i: number) => {
    let f = b;
    for (let k = 0; k < size; k++) f += weights[k]! * x[i * size + k]!;
    return f;
  };
  const f = Float64Array.from({ length: n }, (_, i) => value(data, i));
  const asked = { images: 0 };
  const classifier: Classifier = {
    classes: 2,
    async logits({ data: x, shape }) {
      asked.images += shape[0]!;
      return Float32Array.from({ length: 2 * shape[0]! }, (_, k) => (k % 2 ? 0 : value(x, k / 2)));
    },
    gradient: () => Promise.reject(new Error('no gradient is used')),
  };
  const dual = lengths[DUAL[norm]](Array.from(weights));
  return {
    classifier,
    asked,
    x: { data, shape: [n, c, h, w] } satisfies Images,
    y: Int32Array.from(f, (v) => (v > 0 ? 0 : 1)),
    radii: Array.from(f, (v) => Math.abs(v) / dual),
    size,
  };
}

type Problem = Pick<ReturnType<typeof problem>, 'classifier' | 'x' | 'y'>;
const run = (
  { classifier, x, y }: Problem,
  norm: Norm,
  epsilon: number | Float32Array,
  parameters: AttackParameters = {},
  seed = 0,
) => square.run({ classifier, x, y, threat: { norm, epsilon }, parameters, key: key(seed) });

const middleOf = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

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

/** What one image's search asked, in order, and the loss that it saw. */
async function watched(
  norm: Norm,
  shape: readonly [number, number, number],
  queries: number,
  epsilon = 0.05,
) {
  const p = problem(11, 1, shape, norm);
  const asked: Float32Array[] = [];
  const losses: number[] = [];
  const classifier: Classifier = {
    ...p.classifier,
    async logits(x) {
      asked.push(x.data.slice());
      const [z] = await p.classifier.logits(x);
      const loss = p.y[0] === 0 ? z! : -z!;
      losses.push(loss);
      return Float32Array.of(loss + 100, 0).sort((a, b) => (p.y[0] === 0 ? b - a : a - b)); // never broken
    },
  };
  const { adversarial, broken } = await run({ ...p, classifier }, norm, epsilon, { queries });
  expect(broken).toEqual([false]);
  return { ...p, asked, losses, adversarial, epsilon };
}

/** The smallest rectangle outside of which two images are the same: its height and width. */
function changedSquare(a: Float32Array, b: Float32Array, height: number, width: number): [number, number] {
  const rows: number[] = [];
  const columns: number[] = [];
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    rows.push(Math.floor(i / width) % height);
    columns.push(i % width);
  }
  const span = (v: number[]) => (v.length === 0 ? 0 : Math.max(...v) - Math.min(...v) + 1);
  return [span(rows), span(columns)];
}

describe('the search', () => {
  it('under L∞ changes one square of the best image at a time, and keeps what lowers the loss', async () => {
    const { asked, losses, adversarial, x, epsilon } = await watched('linf', [1, 28, 28], 5000);
    expect(asked.length).toBeGreaterThan(2500);
    expect(asked.length).toBeLessThanOrEqual(5000);
    const signs = (image: Float32Array) => Array.from(image, (v, i) => Math.sign(v - x.data[i]!));
    const stripes = signs(asked[0]!);
    expect(stripes.slice(28)).toEqual(stripes.slice(0, -28));
    // The n-th image asked about is at least the n-th query, and sides only fall: the schedule for 28 × 28.
    const sides = [25, 18, 13, 9, 6, 4, 3, 2];
    const periods = [10, 50, 200, 500, 1000, 2000, 4000];
    const most = (query: number) => sides[periods.filter((after) => query - 1 > after).length]!;
    let best = 0;
    let away = 0;
    const reached = new Set<number>();
    const tooLarge: number[] = [];
    const nothingNew: number[] = [];
    for (let q = 1; q < asked.length; q++) {
      const [height, width] = changedSquare(asked[q]!, asked[best]!, 28, 28);
      if (Math.max(height, width) > most(q)) tooLarge.push(q);
      if (height === 0) nothingNew.push(q);
      reached.add(Math.max(height, width));
      if (losses[q]! < losses[best]!) best = q;
      for (let i = 0; i < 784; i++)
        away = Math.max(away, Math.abs(Math.abs(asked[q]![i]! - x.data[i]!) - epsilon));
    }
    expect([tooLarge, nothingNew]).toEqual([[], []]);
    expect(away, 'every pixel is at x ± ε').toBeLessThan(1e-7);
    for (const side of [25, 18, 13, 9, 6, 4, 3, 2]) expect(reached).toContain(side);
    expect(adversarial).toEqual(asked[best]);
    expect(best).toBeGreaterThan(asked.length / 2);
  });

  it.each(['l2', 'l1'] as const)('under %s spends the whole radius in every query', async (norm) => {
    const epsilon = norm === 'l2' ? 0.5 : 2;
    const { asked, losses, adversarial, x, size } = await watched(norm, [3, 10, 10], 300, epsilon);
    expect(asked).toHaveLength(300);
    // L1 first asks about tiles that may be shorter than the radius; no pixel comes near a wall.
    for (const image of asked) {
      const length = lengths[norm](difference(image, x.data, 0, size));
      expect(length).toBeGreaterThan(epsilon * 0.9999);
      expect(length).toBeLessThan(epsilon * 1.0001);
    }
    expect(adversarial).toEqual(asked[losses.indexOf(Math.min(...losses))]);
    const gains = losses.filter((loss, q) => q > 0 && loss < Math.min(...losses.slice(0, q)));
    expect(gains.length).toBeGreaterThan(5);
  });

  it('puts squares up to every edge', async () => {
    const { asked, x } = await watched('linf', [1, 8, 8], 1500);
    // Where a square of one pixel was tried it differs from the start; 30 tries of each of 64 pixels leave none out.
    const touched = new Set(
      asked.flatMap((image) => Array.from(image.keys()).filter((i) => image[i] !== asked[0]![i])),
    );
    expect(touched.size).toBe(64);
    expect(x.data).toHaveLength(64);
  });

  it('asks exactly so often: the queries under L2, fewer under L∞ where a proposal changes nothing', async () => {
    for (const queries of [1, 2, 40]) {
      expect((await watched('l2', [1, 6, 6], queries)).asked).toHaveLength(queries);
      const { asked } = await watched('linf', [1, 6, 6], queries);
      expect(asked.length).toBeLessThanOrEqual(queries);
      expect(asked.length).toBeGreaterThan(queries / 3);
    }
  });

  it('stops asking about an image once it is broken', async () => {
    const shown: number[] = [];
    // Each image says who it is by its first pixel; those with an even number fall at their third query.
    const classifier = fake({
      classes: 2,
      logits(image) {
        const who = Math.round(image[0]! * 100) - 20;
        shown.push(who);
        return who % 2 === 0 && shown.filter((w) => w === who).length >= 3 ? [0, 1] : [1, 0];
      },
    });
    const n = 10;
    const data = Float32Array.from({ length: n * 16 }, (_, i) =>
      i % 16 === 0 ? 0.2 + Math.floor(i / 16) / 100 : 0.5,
    );
    const input = { classifier, x: { data, shape: [n, 1, 4, 4] }, y: new Int32Array(n), key: key(0) };
    const { broken } = await square.run({
      ...input,
      threat: { norm: 'l2', epsilon: 0.004 },
      parameters: { queries: 25 },
    });
    expect(broken).toEqual(Array.from({ length: n }, (_, i) => i % 2 === 0));
    for (let i = 0; i < n; i++) expect(shown.filter((w) => w === i)).toHaveLength(i % 2 === 0 ? 3 : 25);
  });
});

describe('η', () => {
  // From its definition: squares around the middle of each half, one larger than the other, of heights 1/k² (1/k⁴).
  it.each([
    [3, true],
    [5, true],
    [25, true],
    [6, true],
    [7, false],
    [9, false],
  ] as const)('of side %i is two heaps of squares of opposite sign (L2: %s)', (side, l2) => {
    const heap = (rows: number) => {
      const half = Array.from({ length: rows }, () => Array<number>(side).fill(0));
      const [r0, c0] = [Math.floor(rows / 2), Math.floor(side / 2)];
      for (let k = 0; k <= Math.floor(side / 2); k++)
        for (let r = Math.max(0, r0 - k); r <= Math.min(rows - 1, r0 + k); r++)
          for (let c = Math.max(0, c0 - k); c <= Math.min(side - 1, c0 + k); c++)
            half[r]![c]! += 1 / (k + 1) ** (l2 ? 2 : 4);
      const length = lengths[l2 ? 'l2' : 'l1'](half.flat());
      return half.flat().map((v) => v / length);
    };
    const upper = Math.floor(side / 2);
    const whole = [...heap(upper), ...heap(side - upper).map((v) => -v)];
    const length = lengths[l2 ? 'l2' : 'l1'](whole);
    const bump = bumpOf(side, l2);
    for (const [i, v] of whole.entries()) expect(bump[i]).toBeCloseTo(v / length, 12);
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
