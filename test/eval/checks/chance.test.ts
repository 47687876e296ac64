import { describe, expect, it } from 'vitest';
import {
  binomialTail,
  lowerBound,
  outnumber,
  surelyAbove,
  surelyBelow,
} from '../../../src/eval/checks/chance.ts';

/** P(X ≥ k) term by term, with exact binomial coefficients. */
function tail(k: number, n: number, p: number): number {
  let sum = 0;
  for (let i = k; i <= n; i++) {
    let ways = 1n;
    for (let j = 1n; j <= BigInt(i); j++) ways = (ways * BigInt(n - i + Number(j))) / j;
    sum += Number(ways) * p ** i * (1 - p) ** (n - i);
  }
  return sum;
}

describe('binomialTail', () => {
  it.each([
    [1, 64, 0.01],
    [3, 64, 0.02],
    [9, 100, 0.03],
    [50, 100, 0.5],
    [100, 100, 0.97],
    [0, 10, 0.3],
    [10, 10, 0.1],
  ])('of %d of %d at %d is the sum of its terms', (k, n, p) => {
    expect(binomialTail(k, n, p)).toBeCloseTo(tail(k, n, p), 12);
  });

  it('knows the ends, and large numbers', () => {
    expect(binomialTail(0, 5, 0)).toBe(1);
    expect(binomialTail(1, 5, 0)).toBe(0);
    expect(binomialTail(5, 5, 1)).toBe(1);
    // Half of an even number of fair coins or more: ½ and half of the term in the middle, 1/√(π·5000).
    expect(binomialTail(5000, 10_000, 0.5)).toBeCloseTo(0.5 + 0.5 / Math.sqrt(Math.PI * 5000), 5);
  });
});

describe('the lower bound', () => {
  // One-sided 95 %: for k = n it is 0.05^(1/n); for k = 1 it is 1 − 0.95^(1/n).
  it.each([1, 5, 64])('of all of %d and of one are what the closed forms say', (n) => {
    expect(lowerBound(n, n)).toBeCloseTo(0.05 ** (1 / n), 10);
    expect(lowerBound(1, n)).toBeCloseTo(1 - 0.95 ** (1 / n), 10);
    expect(lowerBound(0, n)).toBe(0);
  });

  it('is where surelyAbove turns', () => {
    const bound = lowerBound(7, 64);
    expect(surelyAbove(7, 64, bound - 1e-6)).toBe(true);
    expect(surelyAbove(7, 64, bound + 1e-6)).toBe(false);
  });
});

it('docs/checks.md has the numbers of 64 that are surely above a share', () => {
  for (const [least, share] of [
    [2, 0.001],
    [3, 0.01],
    [4, 0.02],
    [7, 0.05],
  ] as const) {
    expect(surelyAbove(least, 64, share), `${least}`).toBe(true);
    expect(surelyAbove(least - 1, 64, share), `${least - 1}`).toBe(false);
  }
});

it('surelyBelow is surelyAbove of the others', () => {
  // P(X ≤ 0) of 29 at 0.1 is 0.9²⁹ = 0.047, of 28 it is 0.052.
  expect([surelyBelow(0, 29, 0.1), surelyBelow(0, 28, 0.1)]).toEqual([true, false]);
});

it('a coin gives four to none now and then, five to none hardly', () => {
  expect([outnumber(4, 0), outnumber(5, 0), outnumber(0, 5), outnumber(9, 4), outnumber(20, 8)]).toEqual([
    false,
    true,
    false,
    false,
    true,
  ]);
});
