import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signOf, sum } from '../../src/graph/dims.ts';
import { broadcast, type Dim, formatShape, product, quotient, sizeOf } from '../../src/graph/index.ts';

/** What a dimension is for given values of its symbols: the meaning that the arithmetic must keep. */
const sizeAt = (dim: Dim, symbols: Readonly<Record<string, number>>): number | null =>
  dim === null
    ? null
    : typeof dim === 'number'
      ? dim
      : dim.split('*').reduce((p, part) => p * (/^\d+$/.test(part) ? Number(part) : symbols[part]!), 1);

const dim: fc.Arbitrary<Dim> = fc.oneof(
  fc.integer({ min: 1, max: 12 }),
  fc.constantFrom('N', 'H', '2*N', 'H*N', '6*H*N'),
);
const symbols = fc.record({ N: fc.integer({ min: 2, max: 9 }), H: fc.integer({ min: 2, max: 9 }) });

describe('the product of dimensions', () => {
  it('means what it says for all values of the symbols', () => {
    fc.assert(
      fc.property(fc.array(dim, { maxLength: 4 }), symbols, (dims, s) => {
        expect(sizeAt(product(dims), s)).toBe(dims.reduce<number>((p, d) => p * sizeAt(d, s)!, 1));
      }),
      { seed: 1 },
    );
  });

  it('is written the same however it came about', () => {
    expect(product(['N', 4])).toBe('4*N');
    expect(product([2, 'N', 2])).toBe('4*N');
    expect(product(['N', 'H'])).toBe('H*N');
    expect(product(['H', 'N'])).toBe('H*N');
    expect(product(['N', 1])).toBe('N');
    expect(product(['N', 0])).toBe(0);
    expect(product([])).toBe(1);
  });

  it('of something unknown is unknown', () => {
    expect(product([3, null])).toBeNull();
    expect(sizeOf(['N', 2])).toBeNull();
    expect(sizeOf([3, 2])).toBe(6);
  });
});

describe('the quotient of dimensions', () => {
  it('undoes the product', () => {
    fc.assert(
      fc.property(dim, dim, (a, b) => {
        expect(quotient(product([a, b]), b)).toBe(a);
      }),
      { seed: 1 },
    );
  });

  it('is unknown where it is not exact', () => {
    expect(quotient(7, 2)).toBeNull();
    expect(quotient('N', 2)).toBeNull();
    expect(quotient('N', 'H')).toBeNull();
    expect(quotient(4, 0)).toBeNull();
    expect(quotient(null, 2)).toBeNull();
    expect(quotient(4, null)).toBeNull();
  });
});

describe('the sum of dimensions', () => {
  it('is known for numbers, and for multiples of the same symbols', () => {
    expect(sum(2, 3)).toBe(5);
    expect(sum('N', '2*N')).toBe('3*N');
    expect(sum('H*N', 'N*H')).toBe('2*H*N');
    expect(sum('N', '-1*N')).toBe(0);
    expect(sum(0, 'N')).toBe('N');
    expect(sum('N', 1)).toBeNull();
    expect(sum('N', 'H')).toBeNull();
    expect(sum(null, 0)).toBeNull();
  });

  it('has a sign, as symbols are positive', () => {
    expect(['N', '-2*N', 0, -3, null].map((d) => signOf(d))).toEqual([1, -1, 0, -1, undefined]);
  });
});

describe('dimensions of a file', () => {
  it('are one symbol as a whole where they are more than a product', () => {
    expect(quotient('2*H+1', 2)).toBeNull();
    expect(quotient('H+1', 'H+1')).toBe(1);
    expect(sum('H+1', 'H+1')).toBeNull();
  });

  it('do not grow without end', () => {
    let d: Dim = 'N';
    for (let i = 0; i < 10; i++) d = product([d, d]);
    expect(d).toBeNull();
    expect(product([2 ** 40, 2 ** 40])).toBeNull();
    expect(product(['N', 0.5])).toBeNull();
  });
});

describe('broadcasting', () => {
  it('follows NumPy on fixed shapes', () => {
    expect(broadcast([2, 3], [3])).toEqual([2, 3]);
    expect(broadcast([2, 1, 4], [5, 1])).toEqual([2, 5, 4]);
    expect(broadcast([], [2])).toEqual([2]);
    expect(broadcast([2], [3])).toBeUndefined();
    expect(broadcast([2, 3], [2])).toBeUndefined();
  });

  it('keeps symbols, and knows no more than is sure', () => {
    expect(broadcast(['N', 3], ['N', 1])).toEqual(['N', 3]);
    expect(broadcast(['N', 3], [3])).toEqual(['N', 3]);
    expect(broadcast(['N'], [4])).toEqual([4]);
    expect(broadcast(['N'], ['H'])).toEqual([null]);
    expect(broadcast([null], [4])).toEqual([4]);
    expect(broadcast([null], [1])).toEqual([null]);
  });

  it('is symmetric', () => {
    const shape = fc.array(fc.oneof(dim, fc.constant(null)), { maxLength: 3 });
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        expect(broadcast(a, b)).toEqual(broadcast(b, a));
      }),
      { seed: 1 },
    );
  });
});

it('shapes are written with ? for what is unknown', () => {
  expect(formatShape(['N', 1, null])).toBe('[N, 1, ?]');
  expect(formatShape(undefined)).toBe('[unknown rank]');
});
