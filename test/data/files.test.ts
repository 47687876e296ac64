import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gunzipLimited } from '../../src/data/files.ts';
import { decodeIdx } from '../../src/data/idx.ts';
import { batch, type DataSet, dataSources, loadData, mnistSha256 } from '../../src/data/index.ts';
import { TouchstoneError } from '../../src/errors.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'touchstone-data-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function folder(name: string, files: Record<string, Uint8Array | string>): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content);
  return path;
}

/** An IDX file of unsigned bytes. */
function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + 4 * shape.length + data.length);
  out.set([0, 0, 8, shape.length]);
  const view = new DataView(out.buffer);
  for (const [axis, size] of shape.entries()) view.setUint32(4 + 4 * axis, size);
  out.set(data, 4 + 4 * shape.length);
  return out;
}

const images = Uint8Array.from({ length: 3 * 2 * 4 }, (_, i) => 10 * i);
const labels = Uint8Array.of(3, 0, 9);
const imageFile = idx([3, 2, 4], images);
const labelFile = idx([3], labels);

describe('mnist, as packaged', () => {
  let train: DataSet;
  let held: DataSet;
  beforeAll(async () => {
    [train, held] = await Promise.all([loadData('mnist', 'train'), loadData('mnist', 'test')]);
  });

  test('is MNIST: sizes, known labels, mean and hash', () => {
    expect([train.n, held.n]).toEqual([60_000, 10_000]);
    expect(train.shape).toEqual([1, 28, 28]);
    expect([...train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect(held.labels[0]).toBe(7);
    expect([...held.labels].filter((label) => label === 1)).toHaveLength(1135);
    // torchvision's normalisation constant for MNIST
    let sum = 0;
    for (const pixel of train.images) sum += pixel;
    expect(sum / train.images.length / 255).toBeCloseTo(0.1307, 4);
    expect({ train: train.sha256, test: held.sha256 }).toEqual(mnistSha256);
  });

  test('stays bytes in memory, and becomes [0, 1] in a batch', () => {
    expect(train.images).toBeInstanceOf(Uint8Array);
    const { x, y, shape } = batch(train, Uint32Array.of(0, 59_999));
    expect([...y]).toEqual([5, 8]);
    expect(shape).toEqual([2, 1, 28, 28]);
    expect(Math.max(...x)).toBe(1);
    expect(Math.min(...x)).toBe(0);
  });

  test('limit takes the first', async () => {
    const few = await loadData('mnist', 'test', { limit: 7 });
    expect(few.n).toBe(7);
    expect(few.images).toEqual(held.images.slice(0, 7 * 784));
    expect(few.images.buffer.byteLength).toBe(7 * 784); // the other images can be freed
    expect(few.sha256).not.toBe(held.sha256);
    expect((await loadData('mnist', 'test', { limit: 20_000 })).sha256).toBe(held.sha256);
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      await expect(loadData('mnist', 'test', { limit })).rejects.toThrow(/E_OPTION.*limit/);
    }
  });
});

describe('folders of IDX files', () => {
  test.each([
    ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
    ['train-images.idx3-ubyte', 'train-labels.idx1-ubyte'],
    ['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte'],
    ['train-images.idx3-ubyte.gz', 'train-labels.idx1-ubyte.gz'],
  ])('%s, %s', async (imageName, labelName) => {
    const pack = (name: string, bytes: Uint8Array): Uint8Array =>
      name.endsWith('.gz') ? gzipSync(bytes) : bytes;
    const dir = await folder(imageName, {
      [imageName]: pack(imageName, imageFile),
      [labelName]: pack(labelName, labelFile),
    });
    const data = await loadData(`fashion:${dir}`, 'train');
    expect(data).toMatchObject({ name: 'fashion', n: 3, shape: [1, 2, 4], classes: 10, split: 'train' });
    expect(data.classNames?.[9]).toBe('Ankle boot');
    expect([...data.images]).toEqual([...images]);
    expect([...data.labels]).toEqual([...labels]);
  });

  test('missing files are named', async () => {
    const dir = await folder('empty', {});
    await expect(loadData(`mnist:${dir}`, 'test')).rejects.toThrow(
      /E_FILE: no data in .*empty, expected a file t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz or t10k-images.idx3/,
    );
    await expect(loadData(`mnist:${dir}/nowhere`, 'train')).rejects.toThrow(/E_FILE.*train-images/);
  });

  test('counts that differ, labels above 9, no images', async () => {
    const named = (a: Uint8Array, b: Uint8Array) => ({
      't10k-images-idx3-ubyte': a,
      't10k-labels-idx1-ubyte': b,
    });
    const cases: [Uint8Array, Uint8Array, RegExp][] = [
      [imageFile, idx([2], labels.subarray(0, 2)), /E_DATA.*3 images.*2 labels/],
      [
        imageFile,
        idx([3], Uint8Array.of(1, 2, 10)),
        /E_LABELS: got label 10 at index 2 of mnist, expected 0…9/,
      ],
      [idx([0, 28, 28], new Uint8Array()), idx([0], new Uint8Array()), /E_DATA: mnist is empty/],
      [idx([3, 0, 4], new Uint8Array()), labelFile, /E_DATA: mnist is empty/],
    ];
    for (const [i, [a, b, message]] of cases.entries()) {
      const dir = await folder(`bad${i}`, named(a, b));
      await expect(loadData(`mnist:${dir}`, 'test')).rejects.toThrow(message);
    }
  });

  test.each([
    [Uint8Array.of(), /magic/],
    [Uint8Array.of(0, 1, 8, 3), /magic/],
    [Uint8Array.of(0, 0, 13, 3, ...new Array<number>(12).fill(0)), /E_UNSUPPORTED.*0xd/],
    [labelFile, /1 dimensions, expected .* 3 dimensions/],
    [imageFile.subarray(0, 15), /cut short in its header/],
    [imageFile.subarray(0, -1), /23 bytes where its shape 3×2×4 needs 24/],
    [Uint8Array.of(...imageFile, 0), /25 bytes/],
    [idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], images), /needs 7\.9/],
  ])('malformed IDX %#', (bytes, message) => {
    expect(() => decodeIdx(bytes, 'F', 3)).toThrow(TouchstoneError);
    expect(() => decodeIdx(bytes, 'F', 3)).toThrow(message);
  });

  test('truncated or flipped, plain or .gz: TouchstoneError or nothing', async () => {
    const packed = new Uint8Array(gzipSync(imageFile));
    const change = fc.tuple(fc.nat(200), fc.nat(200), fc.nat(255), fc.boolean());
    await fc.assert(
      fc.asyncProperty(change, async ([end, at, value, zipped]) => {
        const bytes = (zipped ? packed : imageFile).slice(0, end);
        if (at < bytes.length) bytes[at] = value;
        try {
          decodeIdx(zipped ? await gunzipLimited(bytes, 'F') : bytes, 'F', 3);
        } catch (error) {
          expect(error).toBeInstanceOf(TouchstoneError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('gzip unpacks only to its limit', async () => {
    const bomb = gzipSync(new Uint8Array(10_000_000));
    await expect(gunzipLimited(bomb, 'F', 1_000_000)).rejects.toThrow(
      /E_DATA: F unpacks to more than 1000000 bytes/,
    );
    expect(await gunzipLimited(bomb, 'F')).toHaveLength(10_000_000);
  });
});

describe('cifar', () => {
  const record = (label: number[], fill: number): number[] => [
    ...label,
    ...new Array<number>(3072).fill(fill),
  ];

  test('cifar10: five batches in order, also in its own folder', async () => {
    const batches = Object.fromEntries(
      [1, 2, 3, 4, 5].map((i) => [
        `data_batch_${i}.bin`,
        Uint8Array.from([...record([i], 10 * i), ...record([0], 1)]),
      ]),
    );
    const dir = await folder('cifar-10/cifar-10-batches-bin', {
      ...batches,
      'test_batch.bin': Uint8Array.from(record([8], 7)),
    });
    for (const where of [dir, join(dir, '..')]) {
      const train = await loadData(`cifar10:${where}`, 'train');
      expect(train).toMatchObject({ n: 10, shape: [3, 32, 32], classes: 10 });
      expect([...train.labels]).toEqual([1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
      expect([train.images[2 * 3072], train.images[3 * 3072 - 1], train.images[3 * 3072]]).toEqual([
        20, 20, 1,
      ]);
    }
    expect((await loadData(`cifar10:${dir}`, 'test')).classNames?.[8]).toBe('ship');
  });

  test('cifar100: the fine label; names where the file is there', async () => {
    const dir = await folder('cifar-100', {
      'train.bin': Uint8Array.from(record([19, 99], 3)),
      'test.bin': Uint8Array.from(record([1, 100], 3)),
    });
    const train = await loadData(`cifar100:${dir}`, 'train');
    expect([...train.labels]).toEqual([99]);
    expect(train.classNames).toBeUndefined();
    await folder('cifar-100', {
      'fine_label_names.txt': `${Array.from({ length: 100 }, (_, i) => `class ${i}`).join('\n')}\n\n`,
    });
    expect((await loadData(`cifar100:${dir}`, 'train')).classNames?.[99]).toBe('class 99');
    await expect(loadData(`cifar100:${dir}`, 'test')).rejects.toThrow(
      /E_LABELS: got label 100 at index 0 of cifar100/,
    );
  });

  test('lengths that are no whole number of records, and missing batches', async () => {
    const dir = await folder('cifar-bad', {
      'test_batch.bin': new Uint8Array(3074),
      'test.bin': new Uint8Array(),
    });
    await expect(loadData(`cifar10:${dir}`, 'test')).rejects.toThrow(/E_DATA.*3074 bytes.*multiple of 3073/);
    await expect(loadData(`cifar100:${dir}`, 'test')).rejects.toThrow(/E_DATA.*0 bytes.*multiple of 3074/);
    await expect(loadData(`cifar10:${dir}`, 'train')).rejects.toThrow(/E_FILE.*data_batch_1.bin.*toronto/);
  });
});

describe('specs', () => {
  test('unknown ones list the known ones', async () => {
    for (const spec of ['imagenet', '', 'npz:x', 'toString', 'mnist.npy', 'MNIST', ':']) {
      const known = Object.values(dataSources).map(({ usage }) => usage);
      await expect(loadData(spec, 'test')).rejects.toThrow(
        `E_OPTION: data set '${spec}', expected ${known.join(', ')}`,
      );
    }
  });

  test('folders that are needed, and options that do not exist', async () => {
    await expect(loadData('cifar10', 'test')).rejects.toThrow(/E_OPTION.*cifar10:DIR/);
    await expect(loadData('mnist:', 'test')).rejects.toThrow(/E_OPTION.*'mnist:' without a folder/);
    await expect(loadData('a.npz?layout=hwc', 'test')).rejects.toThrow(/E_OPTION: \?layout=hwc/);
    await expect(loadData('a.npz?scale=255', 'test')).rejects.toThrow(/E_OPTION: \?scale=255/);
  });

  test('files that are missing, and folders', async () => {
    await expect(loadData(join(root, 'no.npz'), 'test')).rejects.toThrow(/E_FILE: .*no.npz/);
    await expect(loadData(await folder('is.npz', {}), 'test')).rejects.toThrow(
      /E_FILE: .*is.npz is a folder/,
    );
  });
});
