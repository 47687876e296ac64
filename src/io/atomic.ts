import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import { fileError } from './errors.ts';

/** What a file is to hold: all of it, or piece after piece. */
export type Content = Uint8Array | string | AsyncIterable<Uint8Array>;

/**
 * Writes a file so that its path holds either what it held before or all of the new bytes, even if the disk is
 * full or the power fails: into a temporary file beside it, to the disk, then renamed. Missing folders are made,
 * an existing file's permissions kept, symbolic links followed. A device or a pipe (`/dev/null`) is written to as it is.
 *
 * @throws E_WRITE where that is not possible; the temporary file is gone then, and the old file untouched.
 */
export async function writeFileAtomic(path: string, data: Content): Promise<void> {
  await writeFilesAtomic(new Map([[path, data]]));
}

/**
 * Writes several files, each as `writeFileAtomic` does, and none before all are on the disk: if one does not fit, none
 * is replaced. (Only a failure between two renames can leave some new and some old.)
 *
 * @throws E_WRITE as `writeFileAtomic`.
 */
export async function writeFilesAtomic(files: ReadonlyMap<string, Content>): Promise<void> {
  const staged: Staged[] = [];
  try {
    for (const [path, data] of files) {
      const file = await stage(path, data);
      if (file) staged.push(file);
    }
    while (staged[0]) {
      await commit(staged[0]);
      staged.shift();
    }
  } finally {
    for (const { temporary } of staged) await fs.remove(temporary).catch(() => undefined);
  }
}

/** A file written beside where it belongs. */
interface Staged {
  readonly path: string;
  readonly target: string;
  readonly temporary: string;
}

/** Writes the temporary file; undefined where there is nothing to rename. */
async function stage(path: string, data: Content): Promise<Staged | undefined> {
  try {
    const target = await followLinks(path);
    const old = await statIfAny(target);
    if (old?.isDirectory())
      throw new TouchstoneError('E_WRITE', `${path} is a folder`, 'a file', 'name a file in it');
    if (old && !old.isFile()) {
      await writeThrough(target, 'w', data, undefined);
      return undefined;
    }
    const folder = dirname(target);
    await fs.ensureDir(folder);
    // The name may be as long as the file system allows, which leaves the temporary one no room for all of it.
    const temporary = join(folder, `.${basename(target).slice(0, 60)}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      await writeThrough(temporary, 'wx', data, old && old.mode & 0o777);
    } catch (error) {
      await fs.remove(temporary).catch(() => undefined);
      throw error;
    }
    return { path, target, temporary };
  } catch (error) {
    throw fileError('E_WRITE', `cannot write ${path}`, error);
  }
}

async function commit({ path, target, temporary }: Staged): Promise<void> {
  try {
    await fs.rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    throw fileError('E_WRITE', `cannot write ${path}`, error);
  }
}

/** Where a symbolic link leads, so that it stays one; a path that does not exist yet is itself. */
async function followLinks(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (isMissing(error)) return path;
    throw error;
  }
}

async function statIfAny(path: string): Promise<fs.Stats | undefined> {
  try {
    return await fs.stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Writes all bytes and waits until they are on the disk. */
async function writeThrough(
  path: string,
  flags: 'w' | 'wx',
  data: Content,
  mode: number | undefined,
): Promise<void> {
  const file = await fs.open(path, flags);
  try {
    for await (const bytes of piecesOf(data))
      for (let done = 0; done < bytes.length; ) {
        const count = Math.min(bytes.length - done, MOST_AT_ONCE);
        done += (await fs.write(file, bytes, done, count)).bytesWritten;
      }
    if (mode !== undefined) await fs.fchmod(file, mode);
    if (flags === 'wx') await fs.fsync(file);
  } finally {
    await fs.close(file);
  }
}

const piecesOf = (data: Content): Iterable<Uint8Array> | AsyncIterable<Uint8Array> => {
  if (typeof data === 'string') return [new TextEncoder().encode(data)];
  return data instanceof Uint8Array ? [data] : data;
};

/** Linux writes 2 GiB at a time at most. */
const MOST_AT_ONCE = 2 ** 30;

/** The rename itself is on the disk once the folder is. Windows and some network file systems cannot, or need not. */
async function syncFolder(folder: string): Promise<void> {
  let descriptor: number | undefined;
  try {
    descriptor = await fs.open(folder, 'r');
    await fs.fsync(descriptor);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!['EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'].includes(code)) throw error;
  } finally {
    if (descriptor !== undefined) await fs.close(descriptor);
  }
}
