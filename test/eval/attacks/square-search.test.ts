/** Square's search for one image: what it asks about, in which order. */
import { describe, expect, it } from 'vitest';
import { bumpOf } from '../../../src/eval/attacks/square-moves.ts';
import { attacks, type Classifier, type Norm } from '../../../src/eval/index.ts';
import { key } from '../../../src/random/index.ts';
import { fake } from '../fakes.ts';
import { difference, lengths, problem, run } from './square-problem.ts';

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
    const { broken } = await attacks.square.run({
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
