import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  augment,
  type Batch,
  batch,
  batches,
  checkLabels,
  dataSet,
  limit,
  subset,
} from '../../src/data/index.ts';
import { key, uniform } from '../../src/random/index.ts';

const make = (images: Uint8Array | Float32Array, labels: number[], shape: [number, number, number]) =>
  dataSet({
    name: 'D',
    split: 'test',
    images,
    labels: Int32Array.from(labels),
    shape,
    sourceLayout: 'nchw',
    classes: 13,
  });

const data = make(
  Uint8Array.from({ length: 4 * 6 }, (_, i) => i * 10),
  [3, 1, 4, 12],
  [1, 2, 3],
);

describe('dataSet', () => {
  test('batch takes images in the order asked for, repeats included', () => {
    const { x, y, shape } = batch(data, [3, 0, 3]);
    expect([...y]).toEqual([12, 3, 12]);
    expect(shape).toEqual([3, 1, 2, 3]);
    expect([...x]).toEqual(
      [18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 18, 19, 20, 21, 22, 23].map((v) =>
        Math.fround((v * 10) / 255),
      ),
    );
    expect(batch(data, []).shape).toEqual([0, 1, 2, 3]);
  });

  test.each([4, -1, 0.5, Number.NaN])('batch and subset refuse index %s', (index) => {
    expect(() => batch(data, [0, index])).toThrow(/E_RANGE: image .* expected an index in 0…3/);
    expect(() => subset(data, [index])).toThrow(/E_RANGE/);
  });

  test('subset and limit are copies with the hash of their content', () => {
    const part = subset(data, [2, 0]);
    expect(batch(part, [0, 1])).toEqual(batch(data, [2, 0]));
    expect(subset(data, [0, 1]).sha256).toBe(limit(data, 2).sha256);
    expect(part.sha256).not.toBe(limit(data, 2).sha256);
    expect(limit(data, 9)).toBe(data);
    expect(part).toMatchObject({ classes: 13, name: 'D', n: 2 });
  });

  test('float images pass through unchanged', () => {
    const floats = make(uniform(key(1), 12), [0, 1], [3, 2, 1]);
    expect(batch(floats, [1]).x).toEqual(floats.images.slice(6));
    expect(subset(floats, [1]).images).toBeInstanceOf(Float32Array);
  });

  test('checkLabels', () => {
    expect(() => checkLabels(data, 13)).not.toThrow();
    expect(() => checkLabels(data, 10)).toThrow(/^E_LABELS: got label 12 at index 3 of D, expected 0…9:/);
  });

  test('parts that do not agree', () => {
    expect(() => make(new Uint8Array(7), [0], [1, 2, 3])).toThrow(/E_DATA/);
    expect(() => make(new Uint8Array(0), [], [1, 2, 3])).toThrow(/E_DATA: D is empty/);
    expect(() => make(new Uint8Array(6), [13], [1, 2, 3])).toThrow(/E_LABELS/);
  });
});

describe('batches', () => {
  test('every index once, in batches of the size, the last one smaller or dropped', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 50 }),
        fc.option(fc.integer()),
        (n, size, seed) => {
          const shuffle = seed === null ? undefined : key(seed);
          const all = [...batches(n, size, shuffle)];
          expect(all.map((b) => b.length)).toEqual(
            Array.from({ length: Math.ceil(n / size) }, (_, i) => Math.min(size, n - i * size)),
          );
          const flat = all.flatMap((b) => [...b]);
          if (shuffle) flat.sort((a, b) => a - b);
          expect(flat).toEqual(Array.from({ length: n }, (_, i) => i));
          expect([...batches(n, size, shuffle, { dropLast: true })]).toEqual(
            all.filter((b) => b.length === size),
          );
        },
      ),
    );
  });

  test('the order is the key’s, and can be iterated again', () => {
    const epoch = batches(100, 30, key(0).fold('epoch', 1));
    expect([...epoch]).toEqual([...epoch]);
    expect([...epoch]).not.toEqual([...batches(100, 30, key(0).fold('epoch', 2))]);
  });

  test.each([
    [0, 1],
    [1, 0],
    [10, 2.5],
    [10, Number.NaN],
  ])('refuses n %s, size %s', (n, size) => {
    expect(() => batches(n, size)).toThrow(/E_OPTION/);
  });
});

describe('augment', () => {
  const [n, c, h, w] = [64, 3, 5, 7] as const;
  const input: Batch = {
    x: uniform(key(5), n * c * h * w, 0.1, 1),
    y: new Int32Array(n),
    shape: [n, c, h, w],
  };

  /** The definition, pixel by pixel: shift by (dy, dx) into black, then mirror. */
  const shifted = (i: number, dy: number, dx: number, mirrored: boolean): Float32Array =>
    Float32Array.from({ length: c * h * w }, (_, at) => {
      const [channel, row, column] = [Math.floor(at / (h * w)), Math.floor(at / w) % h, at % w];
      const [y, x] = [row + dy, (mirrored ? w - 1 - column : column) + dx];
      return y < 0 || y >= h || x < 0 || x >= w ? 0 : input.x[((i * c + channel) * h + y) * w + x]!;
    });

  test('every image is one of the shifts, mirrored or not, and all of them come up', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 4; round++) {
      const { x } = augment(input, key(1).fold(round), { pad: 1 });
      for (let i = 0; i < n; i++) {
        const image = x.subarray(i * c * h * w, (i + 1) * c * h * w);
        const found: string[] = [];
        for (const dy of [-1, 0, 1]) {
          for (const dx of [-1, 0, 1]) {
            for (const mirrored of [false, true]) {
              if (shifted(i, dy, dx, mirrored).every((value, at) => value === image[at]))
                found.push(`${dy} ${dx} ${mirrored}`);
            }
          }
        }
        expect(found).toHaveLength(1);
        seen.add(found[0]!);
      }
    }
    expect(seen.size).toBe(18);
  });

  test('is a pure function of batch and key', () => {
    const before = input.x.slice();
    const once = augment(input, key(1));
    expect(augment(input, key(1))).toEqual(once);
    expect(augment(input, key(2))).not.toEqual(once);
    expect(input.x).toEqual(before);
    expect(augment(input, key(1), { pad: 0, flip: false })).toEqual(input);
  });

  test('a shift larger than the image leaves black', () => {
    const { x } = augment(input, key(3), { pad: 20 });
    expect(x.some((value) => value === 0)).toBe(true);
    expect(x.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});
