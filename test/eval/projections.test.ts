import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Norm } from '../../src/eval/index.ts';
import { hyperplaneProjections } from '../../src/eval/projections/index.ts';
import { smallestDisplacement } from './slow-projection.ts';

const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];
const f32 = Math.fround;

/** Points of the box, many on its walls or at the same place; weights over six orders of magnitude, some zero, some equal. */
const coordinates = fc.array(
  fc.record({
    p: fc.oneof(fc.constantFrom(0, 1, 0.5), fc.double({ min: 0, max: 1, noNaN: true })).map(f32),
    w: fc
      .oneof(
        fc.constantFrom(0, 1, -1, 0.25),
        fc.double({ min: -1, max: 1, noNaN: true }).map((w) => (Math.abs(w) < 1e-3 ? 0 : w)),
        fc.tuple(fc.constantFrom(-1, 1), fc.integer({ min: -3, max: 3 })).map(([s, e]) => s * 10 ** e),
      )
      .map(f32),
  }),
  { minLength: 1, maxLength: 40 },
);
/** A share of what the walls allow; more than 1 cannot be reached. At just 1 the shortest way hangs on the last digit. */
const shares = fc.oneof(
  fc.constantFrom(0, 1e-9, 0.5, 1.5, 1e6),
  fc.double({ min: 0, max: 0.9999, noNaN: true }),
);

function lengthOf(norm: Norm, d: Float64Array): number {
  const sizes = Array.from(d, Math.abs);
  return { linf: Math.max(...sizes), l2: Math.hypot(...sizes), l1: sizes.reduce((s, v) => s + v, 0) }[norm];
}

describe.each(NORMS)('the projection onto a hyperplane in the box, %s', (norm) => {
  it('is as short as the dual problem says, reaches the plane, and stays in the box', () => {
    fc.assert(
      fc.property(coordinates, shares, fc.boolean(), fc.nat(3), (row, share, down, before) => {
        const size = row.length;
        const sign = down ? -1 : 1;
        const most = row.reduce((s, { p, w }) => s + Math.abs(w) * (w * sign > 0 ? 1 - p : p), 0);
        const rise = sign * share * most;
        const points = new Float32Array((before + 1) * size).fill(0.3);
        const weights = new Float32Array((before + 1) * size).fill(-2);
        points.set(
          row.map((c) => c.p),
          before * size,
        );
        weights.set(
          row.map((c) => c.w),
          before * size,
        );
        const d = new Float64Array(size).fill(Number.NaN);
        const length = hyperplaneProjections[norm](size)(points, weights, before * size, rise, d);

        const slow = smallestDisplacement(
          norm,
          row.map((c) => c.p),
          row.map((c) => c.w),
          rise,
        );
        // Both are in doubles: what slopes that are 10⁶ apart cost is their ratio times 40 roundings of 10⁻¹⁶.
        const steepest = Math.max(...row.map((c) => Math.abs(c.w)));
        expect(Math.abs(length - slow.length)).toBeLessThanOrEqual(1e-9 * (1 + slow.length));
        expect(Math.abs(lengthOf(norm, d) - length)).toBeLessThanOrEqual(1e-12 * (1 + length));
        const reached = row.reduce((s, { w }, i) => s + w * d[i]!, 0);
        expect(Math.abs(reached - sign * slow.rise)).toBeLessThanOrEqual(1e-12 * steepest * size);
        for (const [i, { p, w }] of row.entries()) {
          expect(p + d[i]!).toBeGreaterThanOrEqual(-1e-15);
          expect(p + d[i]!).toBeLessThanOrEqual(1 + 1e-15);
          expect(d[i]! * w * sign, 'the wrong way').toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps nothing from one call to the next', () => {
    const size = 9;
    const points = Float32Array.from({ length: 3 * size }, (_, i) => (i * 0.37) % 1);
    const weights = Float32Array.from({ length: 3 * size }, (_, i) => Math.sin(i));
    const one = hyperplaneProjections[norm](size);
    for (const [row, rise] of [
      [0, 0.4],
      [2, -1e9],
      [1, 0.1],
      [0, 0],
      [1, -0.3],
    ] as const) {
      const [again, fresh] = [new Float64Array(size), new Float64Array(size)];
      const a = one(points, weights, row * size, rise, again);
      const b = hyperplaneProjections[norm](size)(points, weights, row * size, rise, fresh);
      expect(a).toBe(b);
      expect(again).toEqual(fresh);
    }
  });

  it('moves nothing where no weight is left, or no room', () => {
    const d = new Float64Array(4).fill(7);
    const project = hyperplaneProjections[norm](4);
    expect(project(new Float32Array(4).fill(0.5), new Float32Array(4), 0, 1, d)).toBe(0);
    expect(Array.from(d, Math.abs)).toEqual([0, 0, 0, 0]);
    expect(project(Float32Array.of(1, 0, 1, 0), Float32Array.of(1, -1, 2, -2), 0, 1, d)).toBe(0);
    expect(Array.from(d, Math.abs)).toEqual([0, 0, 0, 0]);
  });

  it('goes to all walls where no more than that will do', () => {
    const points = Float32Array.of(0.25, 0.5, 0.75, 0, 1);
    const weights = Float32Array.of(1, -2, 0.5, -3, 1);
    const d = new Float64Array(5);
    const length = hyperplaneProjections[norm](5)(points, weights, 0, 0.75 + 1 + 0.125, d);
    expect(Array.from(d, (v) => v + 0)).toEqual([0.75, -0.5, 0.25, 0, 0]);
    expect(length).toBe({ linf: 0.75, l2: Math.sqrt(0.875), l1: 1.5 }[norm]);
  });

  it('is exact where every wall is met one after the other', () => {
    // Rooms and slopes that fall geometrically: Newton's method has many walls to pass, selection many pivots.
    const size = 40;
    const points = Float32Array.from({ length: size }, (_, i) => 1 - 2 ** -(i % 20));
    const weights = Float32Array.from({ length: size }, (_, i) => 3 ** -(i % 13));
    const row = (a: Float32Array) => Array.from(a);
    const most = row(weights).reduce((s, w, i) => s + w * (1 - points[i]!), 0);
    const d = new Float64Array(size);
    for (let k = 1; k < 200; k++) {
      const rise = (most * k) / 200;
      const length = hyperplaneProjections[norm](size)(points, weights, 0, rise, d);
      expect(length).toBeCloseTo(smallestDisplacement(norm, row(points), row(weights), rise).length, 12);
    }
  });
});
