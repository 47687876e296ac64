/** IDX, the format of MNIST and its kin: http://yann.lecun.com/exdb/mnist (big-endian sizes, then the bytes). */
import { TouchstoneError } from '../errors.ts';
import { readFileLimited } from '../io/index.ts';
import { type DataSet, dataSet, type Split } from './dataset.ts';
import { findFile, gunzipLimited, maxFileBytes } from './files.ts';

export interface Idx {
  readonly shape: readonly number[];
  /** Row-major; a view of the file's bytes. */
  readonly data: Uint8Array;
}

const unsignedByte = 0x08;

/**
 * Reads an IDX file of unsigned bytes.
 *
 * @param where names the file in errors
 * @param rank the number of dimensions expected: 1 for labels, 3 for images
 * @throws TouchstoneError E_DATA when magic, rank or length are wrong; E_UNSUPPORTED for other element types.
 */
export function decodeIdx(bytes: Uint8Array, where: string, rank: number): Idx {
  const expected = `an IDX file of unsigned bytes with ${rank} dimension${rank === 1 ? '' : 's'}`;
  const fail = (got: string, code: 'E_DATA' | 'E_UNSUPPORTED' = 'E_DATA'): TouchstoneError =>
    new TouchstoneError(code, `${where} ${got}`, expected, 'download the file again');
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0)
    throw fail('does not start with an IDX magic number');
  if (bytes[2] !== unsignedByte) throw fail(`holds IDX type 0x${bytes[2]!.toString(16)}`, 'E_UNSUPPORTED');
  if (bytes[3] !== rank) throw fail(`has ${bytes[3]} dimensions`);
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw fail('is cut short in its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const needed = shape.reduce((a, b) => a * b, 1);
  const held = bytes.length - start;
  if (held !== needed) throw fail(`holds ${held} bytes where its shape ${shape.join('×')} needs ${needed}`);
  return { shape, data: bytes.subarray(start) };
}

/** The usual spellings: `train-images-idx3-ubyte`, `train-images.idx3-ubyte`, each perhaps with `.gz`. */
function spellings(split: Split, what: 'images-idx3' | 'labels-idx1'): string[] {
  const name = `${split === 'train' ? 'train' : 't10k'}-${what}-ubyte`;
  return [name, name.replace('-idx', '.idx')].flatMap((spelling) => [spelling, `${spelling}.gz`]);
}

async function readIdx(path: string, rank: number): Promise<Idx> {
  const bytes = await readFileLimited(path, maxFileBytes);
  return decodeIdx(path.endsWith('.gz') ? await gunzipLimited(bytes, path) : bytes, path, rank);
}

/**
 * One split of a folder of IDX files with MNIST's names: images [N, H, W] → [N, 1, H, W], ten classes.
 *
 * @throws TouchstoneError E_FILE naming the files looked for, E_DATA, E_LABELS for labels above 9.
 */
export async function loadIdxFolder(
  folder: string,
  split: Split,
  about: Pick<DataSet, 'name' | 'classNames'>,
): Promise<DataSet> {
  const remedy = 'give the folder that holds the IDX files';
  const imagesAt = await findFile([folder], spellings(split, 'images-idx3'), remedy);
  const labelsAt = await findFile([folder], spellings(split, 'labels-idx1'), remedy);
  const [images, labels] = await Promise.all([readIdx(imagesAt, 3), readIdx(labelsAt, 1)]);
  const [n, height, width] = images.shape;
  if (labels.shape[0] !== n) {
    throw new TouchstoneError(
      'E_DATA',
      `${imagesAt} has ${n} images and ${labelsAt} ${labels.shape[0]} labels`,
      'as many labels as images',
      'take both files from the same data set',
    );
  }
  return dataSet({
    ...about,
    split,
    images: images.data,
    labels: Int32Array.from(labels.data),
    shape: [1, height!, width!],
    sourceLayout: 'nchw',
    classes: 10,
  });
}
