/** A store in a folder that all machines see: a disk of this one, or NFS and the like. */
import { join, resolve, sep } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { fileError } from '../../io/errors.ts';
import { OpenFile, readFileLimited } from '../../io/read.ts';
import type { Store } from '../store.ts';
import { checkKey, checkPrefix, checkSize, MOST_BYTES, missing } from './keys.ts';

/**
 * Lies in every such folder. Where it is missing the folder is not ours, or the disk that it is on is not mounted: an empty
 * mount point takes files as readily as the disk.
 */
const MARK = 'touchstone-store.json';

/**
 * @param create makes the folder a store where it is none. A worker does not: the experiment has made it.
 * @throws E_FILE where it is none and is not to be made; E_WRITE where it cannot be made
 */
export async function openFolderStore(path: string, { create = true } = {}): Promise<Store> {
  const root = resolve(path);
  if (!(await fs.pathExists(join(root, MARK)))) {
    if (!create)
      throw new TouchstoneError(
        'E_FILE',
        `${root} is no store`,
        `a folder with ${MARK}`,
        'is it mounted? touchstone run makes one',
      );
    await writeFileAtomic(join(root, MARK), '{"schema":"touchstone-store/1"}\n');
  }
  return new FolderStore(root);
}

class FolderStore implements Store {
  readonly name: string;
  readonly #root: string;

  constructor(root: string) {
    this.name = root;
    this.#root = root;
  }

  async has(key: string): Promise<boolean> {
    const path = this.#path(key);
    if (await fs.pathExists(path)) return true;
    await this.#assertThere('E_FILE');
    return false;
  }

  async get(key: string, limit = MOST_BYTES): Promise<Uint8Array> {
    const path = this.#path(key);
    checkSize(key, await this.#size(key, path), limit);
    return readFileLimited(path, limit);
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    await this.#assertThere('E_WRITE');
    await writeFileAtomic(path, bytes);
  }

  async putFile(key: string, path: string): Promise<void> {
    const to = this.#path(key);
    await this.#assertThere('E_WRITE');
    await copy(path, to);
  }

  async getFile(key: string, path: string, limit = MOST_BYTES): Promise<void> {
    const from = this.#path(key);
    checkSize(key, await this.#size(key, from), limit);
    await copy(from, path);
  }

  async list(prefix: string): Promise<string[]> {
    checkPrefix(prefix);
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const found: string[] = [];
    await walk(join(this.#root, folder), folder, found);
    if (found.length === 0) await this.#assertThere('E_FILE');
    return found.filter((key) => key.startsWith(prefix) && key !== MARK).sort();
  }

  async close(): Promise<void> {}

  #path(key: string): string {
    return join(this.#root, ...checkKey(key).split('/'));
  }

  async #size(key: string, path: string): Promise<number> {
    try {
      return (await fs.stat(path)).size;
    } catch (error) {
      if (!absent(error)) throw fileError('E_FILE', `cannot read ${path}`, error);
      await this.#assertThere('E_FILE');
      throw missing(key, this.name);
    }
  }

  /** @throws where the folder is no longer a store: unmounted, or removed */
  async #assertThere(code: 'E_FILE' | 'E_WRITE'): Promise<void> {
    if (!(await fs.pathExists(join(this.#root, MARK))))
      throw new TouchstoneError(code, `the store ${this.name} is gone`, MARK, 'is it mounted?');
  }
}

/** Whole or not at all, a piece at a time. */
async function copy(from: string, to: string): Promise<void> {
  const file = OpenFile.open(from, MOST_BYTES);
  try {
    await writeFileAtomic(to, asynchronous(file.pieces()));
  } finally {
    file.close();
  }
}

async function* asynchronous(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Keys of the files below a folder; hidden ones, which include half-written ones, are none. */
async function walk(folder: string, prefix: string, found: string[]): Promise<void> {
  let entries: fs.Dirent[];
  try {
    entries = await fs.readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (absent(error)) return;
    throw fileError('E_FILE', `cannot list ${folder.split(sep).join('/')}`, error);
  }
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) await walk(join(folder, entry.name), `${prefix}${entry.name}/`, found);
    else if (entry.isFile()) found.push(prefix + entry.name);
  }
}

const absent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
