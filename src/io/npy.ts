/**
 * NumPy's `.npy` format, versions 1 to 3: https://numpy.org/neps/nep-0001-npy-format.html
 *
 * Portable (nothing of Node), and written for files that nobody vouches for: every size is checked against the bytes
 * that are there before anything is allocated, and nothing in a file is ever evaluated (no pickles).
 */
import { TouchstoneError } from '../errors.ts';
import type { DataType, NumericArray, Tensor } from '../graph/ir.ts';

/** A tensor of numbers, as `.npy` files hold. */
export type NumericTensor = Tensor<NumericArray>;

interface Format {
  /** NumPy's type code, without the byte order. */
  readonly code: string;
  /** Bytes of one number; a complex element has two. */
  readonly bytes: number;
  readonly numbers: number;
  readonly make: (buffer: ArrayBuffer) => NumericArray;
}

const formats = {
  float32: { code: 'f4', bytes: 4, numbers: 1, make: (b) => new Float32Array(b) },
  float64: { code: 'f8', bytes: 8, numbers: 1, make: (b) => new Float64Array(b) },
  float16: { code: 'f2', bytes: 2, numbers: 1, make: (b) => new Uint16Array(b) },
  int8: { code: 'i1', bytes: 1, numbers: 1, make: (b) => new Int8Array(b) },
  int16: { code: 'i2', bytes: 2, numbers: 1, make: (b) => new Int16Array(b) },
  int32: { code: 'i4', bytes: 4, numbers: 1, make: (b) => new Int32Array(b) },
  int64: { code: 'i8', bytes: 8, numbers: 1, make: (b) => new BigInt64Array(b) },
  uint8: { code: 'u1', bytes: 1, numbers: 1, make: (b) => new Uint8Array(b) },
  uint16: { code: 'u2', bytes: 2, numbers: 1, make: (b) => new Uint16Array(b) },
  uint32: { code: 'u4', bytes: 4, numbers: 1, make: (b) => new Uint32Array(b) },
  uint64: { code: 'u8', bytes: 8, numbers: 1, make: (b) => new BigUint64Array(b) },
  bool: { code: 'b1', bytes: 1, numbers: 1, make: (b) => new Uint8Array(b) },
  complex64: { code: 'c8', bytes: 4, numbers: 2, make: (b) => new Float32Array(b) },
  complex128: { code: 'c16', bytes: 8, numbers: 2, make: (b) => new Float64Array(b) },
} as const satisfies Partial<Record<DataType, Format>>;

export type NpyType = keyof typeof formats;
const isNpyType = (dtype: DataType): dtype is NpyType => Object.hasOwn(formats, dtype);
const typeOfCode = new Map<string, NpyType>(
  (Object.keys(formats) as NpyType[]).map((dtype) => [formats[dtype].code, dtype]),
);

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const maxHeader = 10_000; // NumPy's own limit
const maxDims = 64; // NumPy's own limit
const hostIsLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** Parses the header's Python dict literal: strings, True, False and tuples of integers, nothing else. */
function parseHeader(text: string, malformed: (got: string) => TouchstoneError): Header {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  const unreadable = (): TouchstoneError => malformed(`a header that does not parse at character ${at}`);
  const value = (key: string): string => {
    const found =
      take(/\s*('[^'\\]*'|"[^"\\]*")\s*/y) ?? take(/\s*(True|False)\b\s*/y) ?? take(/\s*\(([\d,\s]*)\)\s*/y);
    if (found === undefined && key === 'descr' && take(/\s*\[/y)) {
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        malformed('a structured array').got,
        'an array of plain numbers',
      );
    }
    if (found === undefined) throw unreadable();
    return found;
  };

  const entries = new Map<string, string>();
  if (take(/\s*\{\s*/y) === undefined) throw unreadable();
  while (take(/\}\s*/y) === undefined) {
    const key = take(/\s*['"](descr|fortran_order|shape)['"]\s*:/y);
    if (key === undefined || entries.has(key)) throw unreadable();
    entries.set(key, value(key));
    if (take(/,\s*/y) === undefined && text[at] !== '}') throw unreadable();
  }
  if (at !== text.length) throw unreadable();

  const descr = /^['"](.*)['"]$/.exec(entries.get('descr') ?? '')?.[1];
  const order = entries.get('fortran_order');
  const dims = entries.get('shape');
  if (
    descr === undefined ||
    (order !== 'True' && order !== 'False') ||
    dims === undefined ||
    /['"A-Z]/.test(dims)
  ) {
    throw malformed('a header without descr, fortran_order and shape');
  }
  const sizes = dims.split(',').map((size) => size.trim());
  if (sizes.at(-1) === '') sizes.pop(); // (3,) and ()
  if (!sizes.every((size) => /^\d+$/.test(size))) throw malformed(`the shape (${dims})`);
  const shape = sizes.map(Number);
  if (!shape.every(Number.isSafeInteger)) throw malformed(`the shape (${dims})`);
  return { descr, fortran: order === 'True', shape };
}

/** Column-major to row-major. */
function toRowMajor(
  data: NumericArray,
  out: NumericArray,
  shape: readonly number[],
  numbers: number,
): NumericArray {
  const strides = shape.map((_, axis) => product(shape.slice(0, axis)));
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < data.length; to += numbers) {
    for (let part = 0; part < numbers; part++) out[to + part] = data[from * numbers + part]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/**
 * Reads one `.npy` array, whatever its byte order and memory order, into a row-major tensor with data of its own.
 *
 * @param where names the array in errors
 * @throws TouchstoneError E_DATA when the bytes are not a whole `.npy` file; E_UNSUPPORTED for strings, objects
 * (pickles), dates and structured arrays.
 */
export function decodeNpy(bytes: Uint8Array, where = 'the array'): NumericTensor {
  const malformed = (got: string): TouchstoneError =>
    new TouchstoneError(
      'E_DATA',
      `${where} has ${got}`,
      'a .npy array as numpy.save writes',
      'write it again, or copy it again if it was cut short',
    );
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte)) throw malformed('no .npy header');
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw malformed(`.npy version ${version}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw malformed('a header cut short');
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerLength > maxHeader) throw malformed(`a header of ${headerLength} bytes (limit ${maxHeader})`);
  if (start + headerLength > bytes.length) throw malformed('a header cut short');
  const body = bytes.subarray(start + headerLength);
  const header = parseHeader(
    new TextDecoder().decode(bytes.subarray(start, start + headerLength)),
    malformed,
  );

  const { descr, shape } = header;
  const dtype = typeOfCode.get(descr.slice(1));
  if (dtype === undefined || !'<>|='.includes(descr[0]!)) {
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `${where} has dtype ${JSON.stringify(descr)}`,
      'numbers or booleans',
      "convert it with NumPy's astype before saving",
    );
  }
  const format: Format = formats[dtype];
  if (shape.length > maxDims) throw malformed(`${shape.length} dimensions (limit ${maxDims})`);
  const needed = product(shape) * format.numbers * format.bytes;
  if (needed !== body.length) {
    throw malformed(
      `${body.length} bytes of data where shape (${shape.join(', ')}) of ${dtype} needs ${needed}`,
    );
  }

  const copy = new Uint8Array(needed); // its own memory: aligned, and the file's bytes can be freed
  copy.set(body);
  const isLittle = descr[0] === '<' || (descr[0] !== '>' && hostIsLittle);
  if (format.bytes > 1 && isLittle !== hostIsLittle) swapBytes(copy, format.bytes);
  const data = format.make(copy.buffer);
  const rowMajor = !header.fortran || shape.length < 2;
  return {
    dtype,
    shape,
    data: rowMajor ? data : toRowMajor(data, format.make(new ArrayBuffer(needed)), shape, format.numbers),
  };
}

/**
 * A tensor as the bytes of a `.npy` file (version 1.0) that `numpy.load` opens.
 *
 * @param where names the tensor in errors
 * @throws TouchstoneError E_UNSUPPORTED for element types that NumPy lacks (strings, bfloat16, 4-bit, …), E_SHAPE
 * when shape and data disagree.
 */
export function encodeNpy(tensor: Tensor, where = 'the array'): Uint8Array<ArrayBuffer> {
  const { dtype, shape, data } = tensor;
  if (!isNpyType(dtype) || !ArrayBuffer.isView(data)) {
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `${where} is of type ${dtype}`,
      `one of ${Object.keys(formats).join(', ')}`,
      'convert it before writing .npy',
    );
  }
  const { bytes, numbers }: Format = formats[dtype];
  if (data.BYTES_PER_ELEMENT !== bytes || product(shape) * numbers !== data.length) {
    throw new TouchstoneError(
      'E_SHAPE',
      `${where} has ${data.length} numbers of ${data.BYTES_PER_ELEMENT} bytes`,
      `${product(shape) * numbers} of ${bytes} for shape (${shape.join(', ')}) of ${dtype}`,
    );
  }
  const header = npyHeader(dtype, shape);
  const out = new Uint8Array(header.length + data.byteLength);
  out.set(header);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return out;
}

/** What stands before the elements. */
export function npyHeader(dtype: NpyType, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const { code, bytes }: Format = formats[dtype];
  const order = bytes === 1 ? '|' : hostIsLittle ? '<' : '>';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dict = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const end = Math.ceil((10 + dict.length + 1) / 64) * 64; // data start aligned to 64, as NumPy does
  const out = new Uint8Array(end);
  out.set(magic);
  out.set([1, 0, (end - 10) & 0xff, (end - 10) >> 8], 6);
  out.set(new TextEncoder().encode(`${dict.padEnd(end - 11)}\n`), 10);
  return out;
}
