import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import {
  integers,
  type Key,
  key,
  laplace,
  normal,
  permutation,
  signs,
  uniform,
} from '../../src/random/index.ts';
import { log } from '../../src/random/log.ts';
import { threefry, type Words } from '../../src/random/threefry.ts';

const n = 200_000;
const root = key(20260101);

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** Kolmogorov–Smirnov distance to a distribution function, times √n: above 1.95 with probability 0.001. */
function kolmogorov(values: Float32Array, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(values).sort();
  let worst = 0;
  sorted.forEach((x, i) => {
    const p = cdf(x);
    worst = Math.max(worst, (i + 1) / sorted.length - p, p - i / sorted.length);
  });
  return worst * Math.sqrt(sorted.length);
}

/** Φ by its series (W. J. Cody's accuracy is not needed here): error < 1e-12 for |x| < 6. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; k < 200; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + sum * Math.exp((-x * x) / 2) * 0.3989422804014327;
}

/** Pearson correlation, times √n: a standard normal where the lists are independent. */
function correlation(a: Float32Array, b: Float32Array): number {
  const [ma, mb] = [mean(a), mean(b)];
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return (ab / Math.sqrt(aa * bb)) * Math.sqrt(a.length);
}

/** χ² of counts that should be equal, as a number of standard deviations from its mean. */
function chiSquare(counts: ArrayLike<number>): number {
  const expected = mean(counts);
  const chi = Array.from(counts).reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const degrees = counts.length - 1;
  return (chi - degrees) / Math.sqrt(2 * degrees);
}

describe('threefry', () => {
  // Random123's tests/kat_vectors: block, key, result
  const known: [string, string, string][] = [
    [
      '00000000 00000000 00000000 00000000',
      '00000000 00000000 00000000 00000000',
      '9c6ca96a e17eae66 fc10ecd4 5256a7d8',
    ],
    [
      'ffffffff ffffffff ffffffff ffffffff',
      'ffffffff ffffffff ffffffff ffffffff',
      '2a881696 57012287 f6c7446e a16a6732',
    ],
    [
      '243f6a88 85a308d3 13198a2e 03707344',
      'a4093822 299f31d0 082efa98 ec4e6c89',
      '59cd1dbb b8879579 86b5d00c ac8b6d84',
    ],
  ];
  const words = (hex: string): Words =>
    hex.split(' ').map((word) => Number.parseInt(word, 16)) as [number, number, number, number];
  test.each(known)('of %s under %s', (block, under, result) => {
    expect(threefry(words(under), words(block)).map((word) => word >>> 0)).toEqual(words(result));
  });
});

describe('log', () => {
  test('agrees with Math.log to 2 ulp over the whole range', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true }), (x) => {
        expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(2 ** -51 * Math.abs(Math.log(x)));
      }),
    );
    expect(log(1)).toBe(0);
  });
});

describe('key', () => {
  test('is a value: the same seed and parts, the same words', () => {
    expect(key(1).fold('epoch', 3).words).toEqual(key(1).fold('epoch', 3).words);
    expect(key(1).fold('epoch', 3).words).toEqual(key(1).fold('epoch').fold(3).words);
  });

  test('different seeds and parts never meet', () => {
    const parts = [
      '',
      'a',
      'b',
      'ab',
      'ba',
      '3',
      '3\0',
      '\0',
      'é',
      'a'.repeat(12),
      'a'.repeat(13),
      3,
      0,
      -1,
      2 ** 32,
      2 ** 40 + 3,
      -(2 ** 40),
    ];
    const keys: Key[] = [key(0), key(1), key(-1), key(2 ** 32), key(2 ** 32 + 1)];
    for (const part of parts) keys.push(root.fold(part), root.fold('x', part), root.fold(part, 'x'));
    for (let i = 0; i < 20_000; i++) keys.push(root.fold('step', i));
    expect(new Set(keys.map(({ words }) => words.join())).size).toBe(keys.length);
  });

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses %s', (bad) => {
    expect(() => key(bad)).toThrow(TouchstoneError);
    expect(() => root.fold('step', bad)).toThrow(/E_OPTION.*integer/);
  });
});

describe('distributions', () => {
  test('uniform: moments, range and Kolmogorov–Smirnov', () => {
    const values = uniform(root.fold('uniform'), n, -2, 3);
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan((4 * 5) / Math.sqrt(12 * n));
    expect(Math.min(...values.subarray(0, 1e5))).toBeGreaterThanOrEqual(-2);
    expect(Math.max(...values.subarray(0, 1e5))).toBeLessThan(3);
    expect(kolmogorov(values, (x) => (x + 2) / 5)).toBeLessThan(1.95);
  });

  test('normal: moments and Kolmogorov–Smirnov', () => {
    const values = normal(root.fold('normal'), n + 1, 1, 2);
    const standard = values.map((value) => (value - 1) / 2);
    expect(Math.abs(mean(standard))).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(mean(standard.map((z) => z * z)) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(mean(standard.map((z) => z ** 3)))).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(mean(standard.map((z) => z ** 4)) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
    expect(kolmogorov(standard, normalCdf)).toBeLessThan(1.95);
    // the two coordinates of one draw of the polar method are independent
    expect(
      Math.abs(
        correlation(
          values.filter((_, i) => i % 2 === 0).subarray(0, n / 2),
          values.filter((_, i) => i % 2 === 1),
        ),
      ),
    ).toBeLessThan(4);
  });

  test('signs are ±1, half each', () => {
    const values = signs(root.fold('signs'), n);
    expect(new Set(values)).toEqual(new Set([-1, 1]));
    expect(Math.abs(mean(values))).toBeLessThan(4 / Math.sqrt(n));
  });

  test.each([1, 2, 3, 7, 8, 10, 100])('integers below %i are equally likely', (below) => {
    const counts = new Uint32Array(below);
    for (const value of integers(root.fold('integers', below), n, below)) counts[value]!++;
    expect(counts.reduce((a, b) => a + b, 0)).toBe(n);
    if (below > 1) expect(Math.abs(chiSquare(counts))).toBeLessThan(5);
  });

  test('integers reach up to 2^31', () => {
    const values = integers(root, 1000, 2 ** 31);
    expect(values.every((value) => value >= 0)).toBe(true);
    expect(Math.max(...values)).toBeGreaterThan(2 ** 30);
  });

  test('a permutation is one, for every n, and every order is equally likely', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(300), (seed, size) => {
        expect([...permutation(key(seed), size)].sort((a, b) => a - b)).toEqual(
          Array.from({ length: size }, (_, i) => i),
        );
      }),
    );
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = permutation(root.fold(i), 4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(Math.abs(chiSquare([...counts.values()]))).toBeLessThan(5);
  });

  test('folded keys, and a key and its parent, are independent', () => {
    const keys = [root, root.fold(0), root.fold(1), root.fold('a'), root.fold('a', 1), key(20260102)];
    const lists = keys.map((k) => uniform(k, n));
    for (let i = 0; i < lists.length; i++) {
      for (let j = 0; j < i; j++) expect(Math.abs(correlation(lists[i]!, lists[j]!))).toBeLessThan(4);
    }
    // the first number of each of many neighbouring keys
    const firsts = Float32Array.from({ length: 20_000 }, (_, i) => uniform(root.fold('step', i), 1)[0]!);
    expect(kolmogorov(firsts, (x) => x)).toBeLessThan(1.95);
    expect(Math.abs(correlation(firsts.subarray(1), firsts.subarray(0, -1)))).toBeLessThan(4);
  });

  test('laplace: moments and Kolmogorov–Smirnov', () => {
    const values = laplace(root.fold('laplace'), n);
    expect(Math.abs(mean(values))).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(mean(values.map(Math.abs)) - 1)).toBeLessThan(4 / Math.sqrt(n));
    expect(kolmogorov(values, (x) => (x < 0 ? Math.exp(x) / 2 : 1 - Math.exp(-x) / 2))).toBeLessThan(1.95);
    expect(Math.abs(correlation(values.subarray(1), values.subarray(0, -1)))).toBeLessThan(4);
  });

  test('a longer list begins as the shorter one', () => {
    expect(uniform(root, 10)).toEqual(uniform(root, 100).subarray(0, 10));
    expect(normal(root, 9)).toEqual(normal(root, 10).subarray(0, 9));
  });

  test('golden values: a seed means the same numbers in every version and on every platform', () => {
    const k = key(42).fold('golden', 1);
    expect([...uniform(k, 4)]).toEqual([
      0.01642543077468872, 0.49494510889053345, 0.8443791270256042, 0.602703332901001,
    ]);
    expect([...normal(k, 4)]).toEqual([
      0.0065032546408474445, 0.195961132645607, -0.2904546558856964, -0.7415245175361633,
    ]);
    expect([...laplace(k, 4)]).toEqual([
      3.4157745838165283, 0.010161131620407104, -1.1671857833862305, -0.2299249768257141,
    ]);
    expect([...integers(k, 8, 10)]).toEqual([0, 7, 9, 0, 2, 9, 3, 1]);
    expect([...signs(k, 8)]).toEqual([1, 1, -1, -1, 1, 1, -1, -1]);
    expect([...permutation(k, 8)]).toEqual([1, 6, 2, 5, 7, 4, 3, 0]);
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 40])('refuses a length of %s', (length) => {
    for (const draw of [uniform, normal, laplace, signs, permutation])
      expect(() => draw(root, length)).toThrow(/E_RANGE/);
    expect(() => integers(root, 1, length)).toThrow(/E_RANGE/);
  });
});
