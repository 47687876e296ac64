/** CIFAR-10 and CIFAR-100, binary version: https://www.cs.toronto.edu/~kriz/cifar.html */
import { join } from 'node:path';
import { TouchstoneError } from '../errors.ts';
import { readFileLimited } from '../io/index.ts';
import { type DataSet, dataSet, type Split } from './dataset.ts';
import { findFile, maxFileBytes } from './files.ts';

const imageBytes = 3 * 32 * 32;

interface Records {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
}

/**
 * Splits files of records, each `labelBytes` label bytes (the last one is used: CIFAR-100's fine label follows its
 * coarse one) and 3072 pixels (red, green, blue planes, row by row: NCHW).
 *
 * @throws TouchstoneError E_DATA when a file is not a whole number of records, at least one.
 */
export function decodeCifar(
  files: readonly (readonly [path: string, bytes: Uint8Array])[],
  labelBytes: 1 | 2,
): Records {
  const recordBytes = labelBytes + imageBytes;
  for (const [path, bytes] of files) {
    if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
      throw new TouchstoneError(
        'E_DATA',
        `${path} has ${bytes.length} bytes`,
        `a multiple of ${recordBytes} (${labelBytes} label byte${labelBytes > 1 ? 's' : ''} + 3072 pixels per image)`,
        'download the binary version again',
      );
    }
  }
  const n = files.reduce((sum, [, bytes]) => sum + bytes.length / recordBytes, 0);
  const images = new Uint8Array(n * imageBytes);
  const labels = new Int32Array(n);
  let i = 0;
  for (const [, bytes] of files) {
    for (let at = 0; at < bytes.length; at += recordBytes, i++) {
      labels[i] = bytes[at + labelBytes - 1]!;
      images.set(bytes.subarray(at + labelBytes, at + recordBytes), i * imageBytes);
    }
  }
  return { images, labels };
}

const binaryVersion =
  'download the binary version from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it there';

async function load(
  folders: readonly string[],
  names: readonly string[],
  labelBytes: 1 | 2,
  about: Pick<DataSet, 'name' | 'split' | 'classes' | 'classNames'>,
): Promise<DataSet> {
  const paths: string[] = [];
  for (const name of names) paths.push(await findFile(folders, [name], binaryVersion));
  const files: [string, Uint8Array][] = [];
  for (const path of paths) files.push([path, await readFileLimited(path, maxFileBytes)]);
  return dataSet({ ...about, ...decodeCifar(files, labelBytes), shape: [3, 32, 32], sourceLayout: 'nchw' });
}

const cifar10Names = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/**
 * CIFAR-10: 50,000 training and 10,000 test images, [3, 32, 32].
 *
 * @param folder holds `data_batch_1.bin` … `data_batch_5.bin` and `test_batch.bin`, or `cifar-10-batches-bin` does
 */
export function loadCifar10(folder: string, split: Split): Promise<DataSet> {
  const names =
    split === 'test' ? ['test_batch.bin'] : [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`);
  const folders = [folder, join(folder, 'cifar-10-batches-bin')];
  return load(folders, names, 1, { name: 'cifar10', split, classes: 10, classNames: cifar10Names });
}

/**
 * CIFAR-100 with its 100 fine labels: 50,000 training and 10,000 test images, [3, 32, 32].
 *
 * @param folder holds `train.bin` and `test.bin`, or `cifar-100-binary` does; class names come from
 * `fine_label_names.txt` where it is there
 */
export async function loadCifar100(folder: string, split: Split): Promise<DataSet> {
  const folders = [folder, join(folder, 'cifar-100-binary')];
  const classNames = await fineLabels(folders);
  return load(folders, [`${split}.bin`], 2, {
    name: 'cifar100',
    split,
    classes: 100,
    ...(classNames && { classNames }),
  });
}

async function fineLabels(folders: readonly string[]): Promise<string[] | undefined> {
  try {
    const path = await findFile(folders, ['fine_label_names.txt'], binaryVersion);
    const names = new TextDecoder()
      .decode(await readFileLimited(path, 10_000))
      .split(/\r?\n/)
      .filter((name) => name !== '');
    return names.length === 100 ? names : undefined;
  } catch {
    return undefined; // names are a convenience: their absence is no error
  }
}
