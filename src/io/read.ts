import { constants } from 'node:fs';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import { fileError } from './errors.ts';

/** Non-blocking, so that opening a named pipe does not wait for somebody to write into it. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** An open regular file. Its size is a snapshot: the file may be changed while it is read, which reading notices. */
export class OpenFile {
  readonly path: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  readonly #descriptor: number;

  private constructor(path: string, descriptor: number, size: number) {
    this.path = path;
    this.size = size;
    this.#descriptor = descriptor;
  }

  /**
   * @param maxBytes the size is checked against it before anything is read
   * @throws E_FILE where the file is missing, is no regular file, cannot be read or is too large.
   */
  static open(path: string, maxBytes: number): OpenFile {
    let descriptor: number | undefined;
    try {
      descriptor = fs.openSync(path, READ);
      const stat = fs.fstatSync(descriptor);
      if (!stat.isFile()) {
        const what = stat.isDirectory() ? 'a folder' : 'a device or a pipe';
        throw new TouchstoneError('E_FILE', `${path} is ${what}`, 'a file', 'check the path');
      }
      if (stat.size > maxBytes)
        throw new TouchstoneError(
          'E_FILE',
          `${path} has ${stat.size} bytes`,
          `at most ${maxBytes}`,
          'is it the right file?',
        );
      return new OpenFile(path, descriptor, stat.size);
    } catch (error) {
      if (descriptor !== undefined) fs.closeSync(descriptor);
      throw fileError('E_FILE', `cannot read ${path}`, error);
    }
  }

  /** Bytes `offset` to `offset + length`, in a buffer of their own. @throws E_FILE beyond the file's end. */
  read(offset = 0, length = this.size - offset): Uint8Array<ArrayBuffer> {
    if (length < 0 || offset + length > this.size)
      throw new TouchstoneError(
        'E_FILE',
        `bytes ${offset} to ${offset + length} of ${this.path}`,
        `at most ${this.size}`,
      );
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const got = this.#readInto(bytes, done, Math.min(length - done, MOST_AT_ONCE), offset + done);
      if (got === 0) throw this.#shortened();
      done += got;
    }
    return bytes;
  }

  /** The file in pieces of `size` bytes at most; each is valid until the next. */
  *pieces(size = 1 << 20): Generator<Uint8Array> {
    const buffer = new Uint8Array(size);
    for (let at = 0; at < this.size; ) {
      const got = this.#readInto(buffer, 0, Math.min(size, this.size - at), at);
      if (got === 0) throw this.#shortened();
      yield buffer.subarray(0, got);
      at += got;
    }
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }

  #shortened(): TouchstoneError {
    return new TouchstoneError(
      'E_FILE',
      `${this.path} became shorter while it was read`,
      undefined,
      'try again',
    );
  }

  #readInto(buffer: Uint8Array, at: number, length: number, position: number): number {
    try {
      return fs.readSync(this.#descriptor, buffer, at, length, position);
    } catch (error) {
      throw fileError('E_FILE', `cannot read ${this.path}`, error);
    }
  }
}

/** Linux reads 2 GiB at a time at most. */
const MOST_AT_ONCE = 2 ** 30;

/**
 * The bytes of a file whose size is checked before it is read.
 *
 * @throws E_FILE where the file is missing, is no regular file, cannot be read or is larger than `maxBytes`.
 */
export async function readFileLimited(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = OpenFile.open(path, maxBytes);
  try {
    return file.read();
  } finally {
    file.close();
  }
}
