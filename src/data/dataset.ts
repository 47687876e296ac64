import { TouchstoneError } from '../errors.ts';
import { sha256 } from '../io/index.ts';

export type Split = 'train' | 'test';

/** How a source stores its pixels; in memory they are always NCHW. */
export type Layout = 'nchw' | 'nhwc';

/** Labelled images, in memory. Immutable by agreement. */
export interface DataSet {
  /** What it was loaded as: `mnist`, `cifar10`, or a file's name. */
  readonly name: string;
  readonly split: Split;
  /** `n` images, NCHW: bytes 0–255 where the source has bytes (¼ of the memory), else floats in [0, 1]. */
  readonly images: Uint8Array | Float32Array;
  /** `n` labels in [0, classes). */
  readonly labels: Int32Array;
  readonly n: number;
  /** Of one image: [C, H, W]. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** How the source stores them. */
  readonly sourceLayout: Layout;
  /** How many classes the source declares; for a `.npz`, the largest label + 1. */
  readonly classes: number;
  readonly classNames?: readonly string[];
  /**
   * SHA-256 (hex) of the content, not of a file: of the line `touchstone-data 1 DTYPE N C H W\n`, the NCHW pixels and
   * the labels as int32 (little-endian). So the same images give the same hash from IDX, .gz or .npz, and a
   * subset has a hash of its own. Computed when first asked for.
   */
  readonly sha256: string;
}

/** Images ready for a model. */
export interface Batch {
  /** [N, C, H, W], in [0, 1]. */
  readonly x: Float32Array;
  /** [N] */
  readonly y: Int32Array;
  /** [N, C, H, W] */
  readonly shape: readonly [n: number, channels: number, height: number, width: number];
}

// v/255 in double precision, rounded once to float32, is the float32 division that NumPy and PyTorch do.
const pixelOfByte = Float32Array.from({ length: 256 }, (_, v) => v / 255);

/**
 * A data set of its parts.
 *
 * @throws TouchstoneError E_DATA when it is empty or pixels, labels and shape do not agree; E_LABELS for a label
 * outside [0, classes).
 */
export function dataSet(parts: Omit<DataSet, 'n' | 'sha256'>): DataSet {
  const { images, labels, shape, classes, name } = parts;
  const n = labels.length;
  const size = shape[0] * shape[1] * shape[2];
  if (n === 0 || size === 0) throw new TouchstoneError('E_DATA', `${name} is empty`, 'at least one image');
  if (images.length !== n * size) {
    throw new TouchstoneError(
      'E_DATA',
      `${name} has ${images.length} pixels and ${n} labels`,
      `${n} × ${shape.join('×')} = ${n * size} pixels`,
      'give one label per image',
    );
  }
  checkLabels(parts, classes);
  let hash: string | undefined;
  return {
    ...parts,
    n,
    get sha256() {
      hash ??= contentHash(images, labels, shape);
      return hash;
    },
  };
}

function contentHash(images: DataSet['images'], labels: Int32Array, shape: DataSet['shape']): string {
  const dtype = images instanceof Uint8Array ? 'uint8' : 'float32';
  const head = `touchstone-data 1 ${dtype} ${labels.length} ${shape.join(' ')}\n`;
  const content = [images, labels].map(
    (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  );
  return sha256([new TextEncoder().encode(head), ...content]);
}

/**
 * Checks that every label is one of `classes` classes: a model's, say, before it is evaluated.
 *
 * @throws TouchstoneError E_LABELS with the first label that is not.
 */
export function checkLabels(data: Pick<DataSet, 'labels' | 'name'>, classes: number): void {
  const index = data.labels.findIndex((label) => label < 0 || label >= classes);
  if (index < 0) return;
  throw new TouchstoneError(
    'E_LABELS',
    `got label ${data.labels[index]} at index ${index} of ${data.name}`,
    `0…${classes - 1}`,
    'number the classes from 0, and check that the data set and the model belong together',
  );
}

function checkIndex(data: DataSet, index: number | undefined): number {
  if (index !== undefined && Number.isInteger(index) && index >= 0 && index < data.n) return index;
  throw new TouchstoneError('E_RANGE', `image ${index} of ${data.name}`, `an index in 0…${data.n - 1}`);
}

/**
 * The images and labels at `indices`, in that order.
 *
 * @returns x [N, C, H, W] in [0, 1]: bytes are divided by 255 in float32, exactly as NumPy does; y [N]
 * @throws TouchstoneError E_RANGE for an index outside 0…n−1.
 * @phase batch: the images of a mini-batch
 */
export function batch(data: DataSet, indices: ArrayLike<number>): Batch {
  const { images, labels, shape } = data;
  const size = shape[0] * shape[1] * shape[2];
  const x = new Float32Array(indices.length * size);
  const y = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = checkIndex(data, indices[i]);
    y[i] = labels[index]!;
    const from = index * size;
    const to = i * size;
    if (images instanceof Float32Array) x.set(images.subarray(from, from + size), to);
    else for (let p = 0; p < size; p++) x[to + p] = pixelOfByte[images[from + p]!]!;
  }
  return { x, y, shape: [indices.length, ...shape] };
}

/**
 * The samples at `indices`, as a data set (a copy, with a hash of its own).
 *
 * @throws TouchstoneError E_RANGE for an index outside 0…n−1.
 */
export function subset(data: DataSet, indices: ArrayLike<number>): DataSet {
  const size = data.shape[0] * data.shape[1] * data.shape[2];
  const count = indices.length * size;
  const images = data.images instanceof Uint8Array ? new Uint8Array(count) : new Float32Array(count);
  const labels = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = checkIndex(data, indices[i]);
    images.set(data.images.subarray(index * size, (index + 1) * size), i * size);
    labels[i] = data.labels[index]!;
  }
  return rebuilt(data, images, labels);
}

/**
 * The first `n` samples (all of them where there are fewer).
 *
 * @throws TouchstoneError E_OPTION when `n` is not a positive integer.
 */
export function limit(data: DataSet, n: number): DataSet {
  if (!Number.isSafeInteger(n) || n < 1)
    throw new TouchstoneError('E_OPTION', `a limit of ${n}`, 'a positive integer');
  if (n >= data.n) return data;
  const size = data.shape[0] * data.shape[1] * data.shape[2];
  return rebuilt(data, data.images.slice(0, n * size), data.labels.slice(0, n));
}

function rebuilt(data: DataSet, images: DataSet['images'], labels: Int32Array): DataSet {
  const { name, split, shape, sourceLayout, classes, classNames } = data;
  return dataSet({
    name,
    split,
    images,
    labels,
    shape,
    sourceLayout,
    classes,
    ...(classNames && { classNames }),
  });
}

/** The first `n` images (all, where there are fewer), from `from` on. */
export const firstImages = (data: DataSet, n = data.n, from = 0): Batch =>
  batch(
    data,
    Uint32Array.from({ length: Math.min(n, data.n - from) }, (_, i) => from + i),
  );
