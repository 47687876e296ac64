import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batch, type DataSet, decodeDataSet, loadData, type NpzOptions } from '../../src/data/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import type { Tensor } from '../../src/graph/ir.ts';
import { encodeNpz } from '../../src/io/npz.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/data/${name}.npz`, import.meta.url));

// As make_npz.py fills them: NCHW [6, 3, 5, 6]
const pixels = Uint8Array.from({ length: 6 * 3 * 5 * 6 }, (_, i) => (7 * i) % 256);

const floats = (shape: readonly number[], data: ArrayLike<number>): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
});
const bytes = (...shape: number[]): Tensor => ({
  dtype: 'uint8',
  shape,
  data: new Uint8Array(shape.reduce((a, b) => a * b, 1)).fill(200),
});
const ints = (...data: number[]): Tensor => ({
  dtype: 'int32',
  shape: [data.length],
  data: Int32Array.from(data),
});

const load = (arrays: Record<string, Tensor>, options?: NpzOptions): DataSet =>
  decodeDataSet(encodeNpz(arrays), 'F.npz', 'test', options);

describe('what NumPy wrote', () => {
  test.each(['nchw', 'nhwc'] as const)('%s: the same images, NCHW in memory', async (layout) => {
    const data = await loadData(fixture(layout), 'train');
    expect(data).toMatchObject({
      name: `${layout}.npz`,
      n: 6,
      shape: [3, 5, 6],
      classes: 4,
      sourceLayout: layout,
    });
    expect(data.images).toEqual(pixels);
    expect([...data.labels]).toEqual([0, 1, 2, 3, 0, 1]);
  });

  test('the hash is of the content, not of the file', async () => {
    const [a, b, gray] = await Promise.all(
      ['nchw', 'nhwc', 'gray'].map((name) => loadData(fixture(name), 'test')),
    );
    expect(a!.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(b!.sha256).toBe(a!.sha256);
    expect(gray!.sha256).not.toBe(a!.sha256);
  });

  test('float images with float labels: the batch is that of the bytes', async () => {
    const [data, ofBytes] = await Promise.all([
      loadData(fixture('float'), 'test'),
      loadData(fixture('nchw'), 'test'),
    ]);
    expect(data.images).toBeInstanceOf(Float32Array);
    expect(batch(data, [5, 0])).toEqual(batch(ofBytes, [5, 0]));
  });

  test('bytes over 255 are, to the bit, what NumPy divides in float32', async () => {
    const { decodeNpz } = await import('../../src/io/npz.ts');
    const table = decodeNpz(readFileSync(fixture('over255'))).get('table')!.data;
    const all = load({
      x: { dtype: 'uint8', shape: [1, 16, 16], data: Uint8Array.from({ length: 256 }, (_, i) => i) },
      y: ints(0),
    });
    expect(batch(all, [0]).x).toEqual(table);
  });

  test('[N, H, W] with labels [N, 1]', async () => {
    const data = await loadData(fixture('gray'), 'test');
    expect(data.shape).toEqual([1, 5, 6]);
    expect([...data.labels]).toEqual([0, 1, 2, 3, 0, 1]);
  });
});

describe('layout', () => {
  test.each([
    [[2, 1, 28, 28], [1, 28, 28], 'nchw'],
    [[2, 28, 28, 1], [1, 28, 28], 'nhwc'],
    [[2, 3, 8, 5], [3, 8, 5], 'nchw'],
    [[2, 8, 5, 4], [4, 8, 5], 'nhwc'],
  ] as const)('%j is %j', (shape, expected, layout) => {
    expect(load({ x: bytes(...shape), y: ints(0, 1) })).toMatchObject({
      shape: expected,
      sourceLayout: layout,
    });
  });

  test.each([
    [[2, 3, 8, 3], /both/],
    [[2, 1, 1, 1], /both/],
    [[2, 8, 8, 8], /neither/],
    [[2, 2, 8, 8], /neither/],
  ])('%j must be said', (shape, message) => {
    const arrays = { x: bytes(...shape), y: ints(0, 1) };
    expect(() => load(arrays)).toThrow(message);
    expect(() => load(arrays)).toThrow(/E_SHAPE.*\?layout=nchw/);
    expect(load(arrays, { layout: 'nchw' }).shape).toEqual(shape.slice(1));
    expect(load(arrays, { layout: 'nhwc' }).shape).toEqual([shape[3], shape[1], shape[2]]);
  });

  test('as part of the spec, with other names', async () => {
    expect((await loadData(`${fixture('nchw')}?layout=nhwc&x=x&y=y`, 'test')).shape).toEqual([6, 3, 5]);
    await expect(loadData(`${fixture('nchw')}?x=images`, 'test')).rejects.toThrow(
      /E_DATA: nchw.npz has no array "images", only "x", "y", .*\?x=NAME/,
    );
  });

  test('other ranks', () => {
    expect(() => load({ x: bytes(2, 784), y: ints(0, 1) })).toThrow(
      /E_SHAPE: images have shape \[2, 784\].*reshape/,
    );
  });
});

describe('ranges', () => {
  const one = (...values: number[]): Record<string, Tensor> => ({
    x: floats([1, 1, values.length], values),
    y: ints(0),
  });

  test.each([
    [one(0, 255), /^E_RANGE: images reach 255, expected \[0, 1\]: save them as uint8 .* or divide by 255/],
    [one(0, 1.0001), /E_RANGE: images reach 1.0001.*clip/],
    [
      one(-2.1179, 2.64),
      /E_RANGE: images span \[-2.1179, 2.64\], which looks normalised.*un-normalised.*inside the model/,
    ],
    [one(0, 1, Number.NaN), /E_RANGE: images hold NaN at index 2 \(image 0\)/],
    [one(Number.NEGATIVE_INFINITY), /E_RANGE: images hold -Infinity at index 0/],
    [
      { x: { dtype: 'uint8', shape: [1, 1, 2], data: Uint8Array.of(0, 1) }, y: ints(0) },
      /E_RANGE: images hold bytes that reach only 1.*cast/,
    ],
    [
      { x: { dtype: 'float64', shape: [1, 1, 1], data: Float64Array.of(1 + 2e-16) }, y: ints(0) },
      /E_RANGE: images reach 1/,
    ],
  ] as [Record<string, Tensor>, RegExp][])('%#', (arrays, message) => {
    expect(() => load(arrays)).toThrow(message);
  });

  test('the bounds themselves, and float64, pass', () => {
    expect([...load(one(0, 1)).images]).toEqual([0, 1]);
    const data = load({ x: { dtype: 'float64', shape: [1, 1, 1], data: Float64Array.of(0.1) }, y: ints(0) });
    expect([...data.images]).toEqual([Math.fround(0.1)]);
  });

  test('dtypes of images', () => {
    for (const x of [
      { dtype: 'bool', shape: [1, 1, 1], data: new Uint8Array(1) },
      { dtype: 'int64', shape: [1, 1, 1], data: new BigInt64Array(1) },
      { dtype: 'complex64', shape: [1, 1, 1], data: new Float32Array(2) },
    ] satisfies Tensor[]) {
      expect(() => load({ x, y: ints(0) })).toThrow(/E_DATA: images have dtype .*astype/);
    }
    expect(() => load({ x: bytes(0, 3, 4, 4), y: ints() })).toThrow(/E_DATA: images are empty/);
  });
});

describe('labels', () => {
  const x = bytes(2, 3, 8, 8);
  const typed = (dtype: Tensor['dtype'], data: Exclude<Tensor['data'], readonly string[]>): Tensor => ({
    dtype,
    shape: [data.length],
    data,
  });

  test.each([
    typed('int8', Int8Array.of(5, 2)),
    typed('uint16', Uint16Array.of(5, 2)),
    typed('int64', BigInt64Array.of(5n, 2n)),
    typed('uint64', BigUint64Array.of(5n, 2n)),
    typed('float64', Float64Array.of(5, 2)),
  ])('$dtype', (y) => {
    const data = load({ x, y });
    expect([...data.labels]).toEqual([5, 2]);
    expect(data.classes).toBe(6);
  });

  test.each([
    [ints(0, -1), /E_LABELS: labels hold -1 at index 1, expected integers from 0/],
    [floats([2], [0.5, 1]), /E_LABELS: labels hold 0.5 at index 0/],
    [floats([2], [0, Number.NaN]), /E_LABELS: labels hold NaN/],
    [typed('uint64', BigUint64Array.of(1n, 2n ** 63n)), /E_LABELS/],
    [bytes(2, 10), /E_LABELS: labels have shape \[2, 10\].*argmax/],
    [typed('bool', Uint8Array.of(0, 1)), /E_LABELS: labels have dtype bool/],
    [ints(0, 1, 2), /E_DATA: F.npz has 384 pixels and 3 labels, expected 3 × 3×8×8 = 576 pixels/],
  ])('%#', (y, message) => {
    expect(() => load({ x, y })).toThrow(message);
  });
});

test('truncation and flipped bytes never throw anything but TouchstoneError', () => {
  const file = encodeNpz({ x: bytes(2, 3, 4, 5), y: ints(0, 1) }, { level: 6 });
  fc.assert(
    fc.property(
      fc.nat(file.length),
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 3 }),
      (cut, flips) => {
        const copy = file.slice();
        for (const [at, value] of flips) copy[at] = value;
        try {
          decodeDataSet(flips.length > 0 ? copy : copy.subarray(0, cut), 'F.npz', 'test');
        } catch (error) {
          expect(error).toBeInstanceOf(TouchstoneError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
