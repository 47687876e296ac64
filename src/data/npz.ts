/** A person's own data set: a `.npz` file with images `x` and labels `y`. */
import { basename } from 'node:path';
import { TouchstoneError } from '../errors.ts';
import { readFileLimited } from '../io/index.ts';
import type { NumericTensor } from '../io/npy.ts';
import { decodeNpz, namesInNpz } from '../io/npz.ts';
import { type DataSet, dataSet, type Layout, type Split } from './dataset.ts';

export interface NpzOptions {
  /** Where the channels are. @default decided from the shape: the one of axes 1 and 3 that is 1, 3 or 4 long */
  readonly layout?: Layout;
  /** Name of the array of images. @default 'x' */
  readonly x?: string;
  /** Name of the array of labels. @default 'y' */
  readonly y?: string;
}

const looksLikeChannels = (size: number): boolean => size === 1 || size === 3 || size === 4;

interface Geometry {
  readonly layout: Layout;
  /** [C, H, W] */
  readonly shape: readonly [number, number, number];
}

/**
 * Which axis holds the channels. [N, H, W] is one channel; of [N, a, b, c], the axis a or c that is 1, 3 or 4 long is
 * the channel axis. Where both or neither are, only the person knows.
 */
function geometry(shape: readonly number[], asked: Layout | undefined, where: string): Geometry {
  const [, a, b, c] = shape as readonly [number, number, number, number];
  const got = `${where} have shape [${shape.join(', ')}]`;
  if (shape.length === 3) return { layout: 'nchw', shape: [1, a, b] };
  if (shape.length !== 4) {
    throw new TouchstoneError(
      'E_SHAPE',
      got,
      '[N, C, H, W], [N, H, W, C] or [N, H, W]',
      'reshape the images before saving: x.reshape(-1, C, H, W)',
    );
  }
  const first = looksLikeChannels(a);
  const last = looksLikeChannels(c);
  if (asked === undefined && first === last) {
    throw new TouchstoneError(
      'E_SHAPE',
      `${got}, which could be ${first ? 'both' : 'neither'} of NCHW and NHWC`,
      '1, 3 or 4 channels on axis 1 or on axis 3, not on both',
      'say which: FILE.npz?layout=nchw or FILE.npz?layout=nhwc',
    );
  }
  const layout = asked ?? (first ? 'nchw' : 'nhwc');
  return { layout, shape: layout === 'nchw' ? [a, b, c] : [c, a, b] };
}

/** [N, H, W, C] → [N, C, H, W]. */
function toNchw<A extends Uint8Array | Float32Array>(data: A, out: A, [c, h, w]: Geometry['shape']): A {
  const plane = h * w;
  let from = 0;
  for (let image = 0; image < data.length; image += plane * c) {
    for (let pixel = 0; pixel < plane; pixel++) {
      for (let channel = 0; channel < c; channel++) out[image + channel * plane + pixel] = data[from++]!;
    }
  }
  return out;
}

/**
 * Checks that pixels lie in [0, 1] (floats) or use 0–255 (bytes), and says what it looks like where they do not.
 *
 * @param imageSize C·H·W, to name the image
 * @param where names the images in errors: a plural
 * @throws TouchstoneError E_RANGE
 */
export function checkPixels(
  images: Uint8Array | Float32Array | Float64Array,
  imageSize: number,
  where: string,
): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < images.length; i++) {
    const value = images[i]!;
    if (!Number.isFinite(value)) {
      throw new TouchstoneError(
        'E_RANGE',
        `${where} hold ${value} at index ${i} (image ${Math.floor(i / imageSize)})`,
        'finite pixels in [0, 1]',
        'find where it comes from; such an image cannot be evaluated',
      );
    }
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const expected = 'pixels in [0, 1]';
  if (images instanceof Uint8Array) {
    if (max > 1) return;
    throw new TouchstoneError(
      'E_RANGE',
      `${where} hold bytes that reach only ${max}`,
      'bytes that use 0–255, or floats in [0, 1]',
      'floats cast to uint8 look like this: save the floats, or multiply by 255 before the cast',
    );
  }
  const range = `[${format(min)}, ${format(max)}]`;
  if (min < 0) {
    throw new TouchstoneError(
      'E_RANGE',
      `${where} span ${range}, which looks normalised`,
      expected,
      'store the un-normalised images: normalisation belongs inside the model, where ε stays in pixel space',
    );
  }
  if (max <= 1) return;
  throw new TouchstoneError(
    'E_RANGE',
    `${where} reach ${format(max)}`,
    '[0, 1]',
    max <= 1.01
      ? 'clip them before saving: x.clip(0, 1)'
      : "save them as uint8 (x.astype('uint8')) or divide by 255 before saving",
  );
}

const format = (value: number): string => String(Number(value.toPrecision(6)));

function toImages(
  x: NumericTensor,
  layout: Layout | undefined,
  where: string,
): Pick<DataSet, 'images' | 'shape' | 'sourceLayout'> {
  const { data, dtype } = x;
  const supported =
    (dtype === 'uint8' || dtype === 'float32' || dtype === 'float64') && typeof data[0] !== 'bigint';
  if (data.length === 0) throw new TouchstoneError('E_DATA', `${where} are empty`, 'at least one image');
  if (
    !supported ||
    !(data instanceof Uint8Array || data instanceof Float32Array || data instanceof Float64Array)
  ) {
    throw new TouchstoneError(
      'E_DATA',
      `${where} have dtype ${dtype}`,
      'uint8 (0–255) or float32 ([0, 1])',
      "convert before saving: x.astype('uint8') or x.astype('float32')",
    );
  }
  const { layout: sourceLayout, shape } = geometry(x.shape, layout, where);
  checkPixels(data, shape[0] * shape[1] * shape[2], where);
  const stored = data instanceof Float64Array ? Float32Array.from(data) : data;
  if (sourceLayout === 'nchw' || shape[0] === 1) return { images: stored, shape, sourceLayout };
  const images =
    stored instanceof Uint8Array
      ? toNchw(stored, new Uint8Array(stored.length), shape)
      : toNchw(stored, new Float32Array(stored.length), shape);
  return { images, shape, sourceLayout };
}

/** Labels of any integer type, or floats that hold integers exactly; [N] or [N, 1]. */
function toLabels(y: NumericTensor, where: string): Int32Array {
  const { shape, data, dtype } = y;
  if (!(shape.length === 1 || (shape.length === 2 && shape[1] === 1))) {
    throw new TouchstoneError(
      'E_LABELS',
      `${where} have shape [${shape.join(', ')}]`,
      'one integer per image, [N]',
      shape.length === 2 ? 'one-hot labels become integers by y.argmax(1)' : 'flatten them before saving',
    );
  }
  if (dtype === 'bool' || dtype === 'float16' || dtype.startsWith('complex')) {
    throw new TouchstoneError(
      'E_LABELS',
      `${where} have dtype ${dtype}`,
      'integers',
      "convert: y.astype('int64')",
    );
  }
  const labels = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const label = Number(data[i]);
    if (!Number.isInteger(label) || label < 0 || label >= 2 ** 31) {
      throw new TouchstoneError(
        'E_LABELS',
        `${where} hold ${label} at index ${i}`,
        'integers from 0',
        'number the classes 0, 1, 2, …',
      );
    }
    labels[i] = label;
  }
  return labels;
}

/**
 * The data set in the bytes of a `.npz` file. Every other array in the file is left alone.
 *
 * Images: uint8 (0–255) or float32/float64 in [0, 1]; [N, C, H, W], [N, H, W, C] or [N, H, W]. Labels: any integer
 * type, or floats that hold integers; [N] or [N, 1]. `classes` is the largest label + 1.
 *
 * @throws TouchstoneError E_DATA, E_SHAPE, E_RANGE, E_LABELS, E_UNSUPPORTED
 */
export function decodeDataSet(
  bytes: Uint8Array,
  name: string,
  split: Split,
  options: NpzOptions = {},
): DataSet {
  const { x = 'x', y = 'y', layout } = options;
  const arrays = decodeNpz(bytes, { only: [x, y], where: name });
  const array = (role: 'x' | 'y', wanted: string): NumericTensor => {
    const found = arrays.get(wanted);
    if (found) return found;
    const names = namesInNpz(bytes, name).map((present) => JSON.stringify(present));
    throw new TouchstoneError(
      'E_DATA',
      `${name} has no array ${JSON.stringify(wanted)}, only ${names.slice(0, 20).join(', ') || 'none'}`,
      'images in x and labels in y',
      `name the array to take: FILE.npz?${role}=NAME`,
    );
  };
  const images = toImages(array('x', x), layout, x === 'x' ? 'images' : `images ${JSON.stringify(x)}`);
  const labels = toLabels(array('y', y), y === 'y' ? 'labels' : `labels ${JSON.stringify(y)}`);
  const classes = labels.reduce((most, label) => Math.max(most, label), 0) + 1;
  return dataSet({ name, split, ...images, labels, classes });
}

/** Reads a `.npz` file: see {@link decodeDataSet}. The same file serves as train and as test split. */
export async function loadNpz(path: string, split: Split, options: NpzOptions = {}): Promise<DataSet> {
  return decodeDataSet(await readFileLimited(path, 2 ** 32), basename(path), split, options);
}
