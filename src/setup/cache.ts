import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import type { Host } from './host.ts';
import { TENSORFLOW, type Variant } from './wheels.ts';

/** The folder of what was downloaded: `$TOUCHSTONE_CACHE`, else `touchstone` in the user's cache folder. */
export function cacheFolder({ env, home }: Pick<Host, 'env' | 'home'>): string {
  if (env.TOUCHSTONE_CACHE) return resolve(env.TOUCHSTONE_CACHE);
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'touchstone');
}

/** Where a variant of TensorFlow lies: as in a Python environment, `tensorflow/` and `nvidia/` side by side. */
export const variantFolder = (cache: string, variant: Variant): string =>
  join(cache, `tensorflow-${TENSORFLOW}-${variant}`);

/**
 * Gives work a folder for its unfinished files, on the same file system as the cache so that what is finished can be
 * renamed into place. It is removed afterwards; that of a process which was killed is removed by the next one.
 *
 * @throws E_WRITE where the cache cannot be written to
 */
export async function withScratch<T>(cache: string, work: (folder: string) => Promise<T>): Promise<T> {
  await makeFolder(cache);
  for (const name of await fs.readdir(cache)) {
    const pid = /^scratch-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await fs.remove(join(cache, name));
  }
  const folder = join(cache, `scratch-${process.pid}-${randomBytes(4).toString('hex')}`);
  await fs.emptyDir(folder);
  try {
    return await work(folder);
  } finally {
    await fs.remove(folder);
  }
}

async function makeFolder(cache: string): Promise<void> {
  try {
    await fs.ensureDir(cache);
    await fs.access(cache, fs.constants.W_OK);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const remedy = 'set TOUCHSTONE_CACHE to another folder';
    throw new TouchstoneError('E_WRITE', `${cache}: ${reason}`, 'a folder to write to', remedy, { cause });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends nothing
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
