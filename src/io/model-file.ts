import { dirname, isAbsolute, resolve, sep, win32 } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import type { Model } from '../graph/ir.ts';
import { DEFAULT_LIMITS, type ReadLimits, readModel, writeModel } from '../graph/proto/index.ts';
import { writeFileAtomic } from './atomic.ts';
import { fileError } from './errors.ts';
import { sha256 } from './hash.ts';
import { OpenFile, readFileLimited } from './read.ts';

export interface ModelFile {
  readonly model: Model;
  /**
   * Of the .onnx file's bytes followed by those of its external data files, in the order of their names:
   * what `cat model.onnx a.bin b.bin | sha256sum` prints.
   */
  readonly sha256: string;
  /** Of all these files together. */
  readonly bytes: number;
}

/**
 * Reads an .onnx file, and its external data from the files beside it or in folders below.
 *
 * @throws E_FILE for a file that is missing, too large, or outside the model's folder; E_ONNX as `readModel`.
 */
export async function readModelFile(
  path: string,
  options: { readonly limits?: Partial<ReadLimits> } = {},
): Promise<ModelFile> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const bytes = await readFileLimited(path, limits.fileBytes);
  const external = new ExternalFiles(dirname(path), limits.tensorBytes);
  try {
    const model = readModel(bytes, { limits, externalData: (...range) => external.read(...range) });
    const total = external.files().reduce((sum, { size }) => sum + size, bytes.length);
    return { model, sha256: sha256(external.after(bytes)), bytes: total };
  } finally {
    external.close();
  }
}

/**
 * Writes a model as one .onnx file, atomically.
 *
 * @throws E_WRITE as `writeFileAtomic`; E_UNSUPPORTED beyond 2 GiB, as `writeModel`.
 */
export async function writeModelFile(path: string, model: Model): Promise<void> {
  await writeFileAtomic(path, writeModel(model));
}

/** The files that a model names, which must not be able to reach any other file of the reader's. */
class ExternalFiles {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #open = new Map<string, OpenFile>();
  /** Two tensors may share their bytes; a thousand may as well, and still take the memory of one. */
  readonly #read = new Map<string, Uint8Array>();

  constructor(folder: string, maxBytes: number) {
    this.#folder = resolve(folder);
    this.#maxBytes = maxBytes;
  }

  read(location: string, offset: number, length?: number): Uint8Array {
    const file = this.#file(location);
    const size = length ?? file.size - offset;
    if (size < 0 || offset + size > file.size)
      throw new TouchstoneError(
        'E_FILE',
        `bytes ${offset} to ${offset + size} of ${file.path}, which has ${file.size}`,
        'a file as long as the model says',
        'copy or download it again',
      );
    const key = `${offset} ${size} ${file.path}`;
    const bytes = this.#read.get(key) ?? file.read(offset, size);
    this.#read.set(key, bytes);
    return bytes;
  }

  /** Every file that was read, in the order of their names. */
  files(): OpenFile[] {
    return [...this.#open].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
  }

  /** All the bytes that make up the model: the .onnx file's, then the others'. */
  *after(bytes: Uint8Array): Generator<Uint8Array> {
    yield bytes;
    for (const file of this.files()) yield* file.pieces();
  }

  close(): void {
    for (const file of this.#open.values()) file.close();
  }

  #file(location: string): OpenFile {
    const key = normal(location);
    let file = this.#open.get(key);
    if (!file) {
      file = OpenFile.open(this.#within(key, location), this.#maxBytes);
      this.#open.set(key, file);
    }
    return file;
  }

  /** The real path of a file, symbolic links followed. @throws E_FILE outside the model's folder. */
  #within(key: string, location: string): string {
    let real: string;
    let folder: string;
    try {
      folder = fs.realpathSync(this.#folder);
      real = fs.realpathSync(resolve(folder, key));
    } catch (error) {
      throw fileError('E_FILE', `cannot read the model's external data ${JSON.stringify(location)}`, error);
    }
    if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep)) throw outside(location);
    return real;
  }
}

/** A location without `.` and empty segments. @throws E_FILE where it is absolute or goes up. */
function normal(location: string): string {
  const segments = location.split(/[/\\]/).filter((segment) => segment !== '' && segment !== '.');
  const absolute = isAbsolute(location) || win32.isAbsolute(location) || /^[a-z]:/i.test(location);
  if (absolute || segments.length === 0 || segments.includes('..') || location.includes('\0'))
    throw outside(location);
  return segments.join('/');
}

const outside = (location: string): TouchstoneError =>
  new TouchstoneError(
    'E_FILE',
    `external data in ${JSON.stringify(location.slice(0, 200))}`,
    "a file in the model's folder or below it",
    'put the data beside the model, not a link to it',
  );
