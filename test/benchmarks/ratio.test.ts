import { describe, expect, it } from 'vitest';
import { CONFIDENCE, fasterOf, orderStatistics, ratioOf } from '../../benchmarks/ratio.ts';
import { key, normal } from '../../src/random/index.ts';

describe('the interval of a median by order statistics', () => {
  it('has the places of the tables of the sign test', () => {
    // The sign test's critical values, two-sided at 5 %: 0 for n = 6 and 8, 1 for 9 and 11, 2 for 12, 3, 4, 5 for 15, 17, 20.
    const places = { 6: 1, 8: 1, 9: 2, 11: 2, 12: 3, 15: 4, 17: 5, 20: 6 };
    for (const [n, k] of Object.entries(places)) expect(orderStatistics(Number(n))?.k, n).toBe(k);
    for (const n of [0, 1, 5]) expect(orderStatistics(n)).toBeNull();
  });

  it('states with which probability it holds the median', () => {
    expect(orderStatistics(6)!.confidence).toBe(1 - 2 / 64);
    expect(orderStatistics(9)!.confidence).toBe(1 - (2 * (1 + 9)) / 512);
    for (let n = 6; n <= 200; n++)
      expect(orderStatistics(n)!.confidence, `${n}`).toBeGreaterThanOrEqual(CONFIDENCE);
  });

  it('holds it as often as that, whatever the noise: 4,000 runs of lopsided ratios', () => {
    const [runs, n, truth] = [4000, 9, 1.3];
    const noise = normal(key(5), 2 * runs * n);
    let held = 0;
    for (let r = 0; r < runs; r++) {
      // A round's disturbance is common to both, and long-tailed: e^(z²). Own noise has median 1.
      const under = Array.from({ length: n }, (_, i) => Math.exp(noise[r * n + i]! ** 2));
      const over = under.map(
        (t, i) => t * truth * Math.expm1(Math.exp(noise[(runs + r) * n + i]!) * Math.LN2),
      );
      const [low, high] = ratioOf(over, under).interval!;
      if (low <= truth && truth <= high) held += 1;
    }
    const { confidence } = orderStatistics(n)!;
    const sd = Math.sqrt((confidence * (1 - confidence)) / runs);
    expect(Math.abs(held / runs - confidence)).toBeLessThan(4 * sd);
  });
});

describe('who is called faster', () => {
  const ones = [1, 1, 1, 1, 1, 1];

  it('takes ratios within rounds: what disturbs both disturbs no ratio', () => {
    const under = [1, 5, 2, 9, 1, 3];
    const over = under.map((t) => 1.5 * t);
    expect(ratioOf(over, under)).toEqual({ n: 6, median: 1.5, interval: [1.5, 1.5] });
    expect(fasterOf(ratioOf(over, under))).toBe('under');
    expect(fasterOf(ratioOf(under, over))).toBe('over');
  });

  it('is nobody where a ratio of six is on the other side of 1, or is 1', () => {
    expect(fasterOf(ratioOf([2, 2, 2, 2, 2, 0.9], ones))).toBeNull();
    expect(fasterOf(ratioOf([2, 2, 2, 2, 2, 1], ones))).toBeNull();
    expect(fasterOf(ratioOf([2, 2, 2, 2, 2, 1.1], ones))).toBe('under');
  });

  it('of nine, one may be on the other side', () => {
    const nine = Array<number>(9).fill(1);
    expect(fasterOf(ratioOf([...Array<number>(8).fill(2), 0.1], nine))).toBe('under');
    expect(fasterOf(ratioOf([...Array<number>(7).fill(2), 0.1, 0.1], nine))).toBeNull();
  });

  it('is nobody with fewer than six rounds', () => {
    expect(ratioOf([9, 9, 9, 9, 9], ones)).toEqual({ n: 5, median: 9, interval: null });
    expect(fasterOf(ratioOf([9, 9, 9, 9, 9], ones))).toBeNull();
  });
});
