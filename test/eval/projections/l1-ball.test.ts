import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { l1Step } from '../../../src/eval/l1-step.ts';
import { kthLargest, l1BallProjection } from '../../../src/eval/projections/index.ts';
import { key, normal, uniform } from '../../../src/random/index.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const l1 = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, v, i) => sum + Math.abs(v - b[i]!), 0);

/** An image with a third of its pixels on a wall, and a point anywhere near it. */
function pair(seed: number, size: number, spread: number): { clean: Float32Array; point: Float32Array } {
  const clean = uniform(key(seed).fold('x'), size, -0.25, 1.25).map((v) => Math.min(1, Math.max(0, v)));
  const noise = normal(key(seed).fold('d'), size, 0, spread);
  return { clean, point: clean.map((v, i) => (i % 5 === 0 ? v : v + noise[i]!)) };
}

/** The same projection by bisection on the multiplier of ‖δ‖₁ ≤ ε: each pixel's move is the best for itself. */
function slowly(point: Float32Array, clean: Float32Array, epsilon: number): number[] {
  const at = (lambda: number) =>
    Array.from(point, (p, i) => {
      const d = p - clean[i]!;
      const shrunk = Math.sign(d) * Math.max(Math.abs(d) - lambda, 0);
      return Math.min(1, Math.max(0, clean[i]! + shrunk));
    });
  if (l1(at(0), clean) <= epsilon) return at(0);
  let [low, high] = [0, 1e3];
  for (let k = 0; k < 200; k++) {
    const middle = (low + high) / 2;
    if (l1(at(middle), clean) > epsilon) low = middle;
    else high = middle;
  }
  return at(high);
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0);

describe('the projection onto the L1 ball in the box', () => {
  it('is what bisection finds', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.integer({ min: 1, max: 200 }),
        fc.constantFrom(1e-4, 0.01, 0.1, 0.5, 3),
        fc.double({ min: 1e-6, max: 60, noNaN: true }),
        (seed, size, spread, epsilon) => {
          const { clean, point } = pair(seed, size, spread);
          const projected = point.slice();
          l1BallProjection(size)(projected, clean, 0, epsilon);
          // One rounding of a pixel to float32; λ in float64 from sums of up to 200 terms.
          expect(largest(projected, slowly(point, clean, epsilon))).toBeLessThanOrEqual(2 ** -25 + 1e-10);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('lies in both sets, is its own projection, and no point of both is nearer', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0.01, max: 20, noNaN: true }), (seed, epsilon) => {
        const size = 60;
        const { clean, point } = pair(seed, size, 0.6);
        const onto = l1BallProjection(size);
        const p = point.slice();
        onto(p, clean, 0, epsilon);
        expect(l1(p, clean)).toBeLessThanOrEqual(epsilon + size * 2 ** -25);
        expect(p.every((v) => v >= 0 && v <= 1)).toBe(true);
        const again = p.slice();
        onto(again, clean, 0, epsilon);
        expect(largest(again, p)).toBeLessThanOrEqual(2 ** -23);
        // ⟨point − p, q − p⟩ ≤ 0 for all q of the set: what a projection onto a convex set is.
        const q = uniform(key(seed).fold('q'), size);
        onto(q, clean, 0, epsilon);
        const product = q.reduce((sum, v, i) => sum + (point[i]! - p[i]!) * (v - p[i]!), 0);
        expect(product).toBeLessThanOrEqual(1e-5);
      }),
    );
  });

  it.each([
    ['all pixels equal', [0.5, 0.5, 0.5, 0.5], [0.9, 0.9, 0.9, 0.9], 0.8, [0.7, 0.7, 0.7, 0.7]],
    ['one pixel past its wall', [0.9, 0.5, 0, 0], [3, 0.5, 0, 0], 0.05, [0.95, 0.5, 0, 0]],
    ['a wall takes less than the others', [0.9, 0.5, 0.5, 0], [1.5, 0.9, 0.1, -2], 0.5, [1, 0.7, 0.3, 0]],
    ['whole steps from black to white, where the sum is flat', [0, 0, 0, 0], [3, 3, 1, 0.5], 2, [1, 1, 0, 0]],
    ['no radius left', [0.2, 0.8, 0, 1], [1, 0, 1, 0], 1e-30, [0.2, 0.8, 0, 1]],
    ['the point itself', [0.2, 0.8, 0, 1], [0.2, 0.8, 0, 1], 1, [0.2, 0.8, 0, 1]],
  ])('of %s', (_, clean, point, epsilon, expected) => {
    const projected = Float32Array.from(point);
    l1BallProjection(4)(projected, Float32Array.from(clean), 0, epsilon);
    expect(largest(projected, expected)).toBeLessThanOrEqual(1e-7);
  });

  it('touches its own row only', () => {
    const { clean, point } = pair(3, 30, 1);
    const projected = point.slice();
    l1BallProjection(10)(projected, clean, 10, 0.5);
    const alone = point.slice(10, 20);
    l1BallProjection(10)(alone, clean.slice(10, 20), 0, 0.5);
    expect(projected).toEqual(Float32Array.of(...point.slice(0, 10), ...alone, ...point.slice(20)));
  });
});

describe('the kth largest', () => {
  it('is that of the sorted list, also among equals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(0, 1, 2), fc.float({ noNaN: true })), {
          minLength: 1,
          maxLength: 60,
        }),
        fc.nat(),
        (list, pick) => {
          const k = 1 + (pick % list.length);
          const sorted = [...list].sort((a, b) => b - a);
          expect(kthLargest(Float32Array.from([...list, 9e9]), list.length, k) + 0).toBe(sorted[k - 1]! + 0);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a step of steepest ascent under L1', () => {
  it('gains as much as any in the box, for up to 100 pixels: the steepest first, each to its wall', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 1e-3, max: 30, noNaN: true }),
        (seed, size, length) => {
          const { clean: x } = pair(seed, size, 1);
          const g = normal(key(seed).fold('g'), size).map((v, i) =>
            i % 4 === 0 ? 0 : Math.round(v * 8) / 8,
          );
          let [left, best] = [length, 0];
          for (const i of [...g.keys()].sort((a, b) => Math.abs(g[b]!) - Math.abs(g[a]!))) {
            const move = Math.min(left, g[i]! > 0 ? 1 - x[i]! : x[i]!);
            left -= move;
            best += move * Math.abs(g[i]!);
          }
          const stepped = x.slice();
          l1Step(size)(stepped, g, 0, length);
          const gain = stepped.reduce((sum, v, i) => sum + g[i]! * (v - x[i]!), 0);
          // The last 1e-6 of a step may be left; pixels are float32.
          expect(Math.abs(gain - best)).toBeLessThanOrEqual(1e-5 * best + size * 2 ** -24);
          expect(l1(stepped, x)).toBeLessThanOrEqual(length * (1 + 1e-6) + size * 2 ** -24);
          expect(stepped.every((v) => v >= 0 && v <= 1)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is shared by one pixel of a hundred, by more where walls are near, by none without a gradient', () => {
    const size = 400;
    const g = normal(key(1), size);
    const step = (x: Float32Array, gradient: Float32Array, length: number) => {
      const moved = x.slice();
      l1Step(size)(moved, gradient, 0, length);
      return Array.from(moved, (v, i) => Math.abs(v - x[i]!)).filter((d) => d > 0);
    };
    const grey = new Float32Array(size).fill(0.5);
    const four = step(grey, g, 0.4);
    expect(four).toHaveLength(4);
    for (const d of four) expect(d).toBeCloseTo(0.1, 6);
    expect(step(grey, g, 4)).toHaveLength(8);
    expect(step(grey, new Float32Array(size), 4)).toHaveLength(0);
    const order = [...g.keys()].sort((a, b) => Math.abs(g[b]!) - Math.abs(g[a]!)).slice(0, 4);
    const moved = grey.slice();
    l1Step(size)(moved, g, 0, 0.4);
    for (const i of order) expect(Math.sign(moved[i]! - 0.5)).toBe(Math.sign(g[i]!));
  });
});
