/**
 * What a job leaves in the store. A file's key has its hash in it, and `done.json`, which is written last, says which hash belongs to
 * which name: where two workers end the same job at the same moment, whoever reads gets the files of one of them, never some of each.
 */
import { hostname } from 'node:os';
import { z } from 'zod';
import { TouchstoneError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { sha256 } from '../../io/hash.ts';
import { readFileLimited } from '../../io/read.ts';
import { hash, type Job, jobId, label } from '../jobs.ts';
import { blobKey, DONE, jobKey, type Store } from '../store.ts';
import type { JobDone } from './workplace.ts';

/** The most bytes of one output. */
const MOST_BYTES = 2 ** 31;
/** `done.json` has a line per file. */
const MOST_DONE_BYTES = 2 ** 24;

const doneFile = z.object({
  id: hash,
  kind: z.enum(['train', 'export', 'shard', 'merge']),
  seconds: z.number().nonnegative(),
  machine: z.string(),
  finishedAt: z.string(),
  files: z.record(label, hash),
});

const fileKey = (id: string, name: string, sha: string): string => jobKey(id, `${sha.slice(0, 16)}-${name}`);

export const isDone = (store: Store, id: string): Promise<boolean> => store.has(jobKey(id, DONE));

/** @throws E_DATA where it is damaged */
export async function readDone(store: Store, id: string): Promise<JobDone | undefined> {
  if (!(await isDone(store, id))) return undefined;
  const bytes = await store.get(jobKey(id, DONE), MOST_DONE_BYTES);
  try {
    const done = doneFile.parse(JSON.parse(new TextDecoder().decode(bytes)));
    if (done.id === id) return done;
  } catch {}
  throw new TouchstoneError(
    'E_DATA',
    `${jobKey(id, DONE)} in ${store.name} is damaged`,
    'the file as it was written',
    'remove it: the job is done again',
  );
}

/**
 * Puts a job's files into the store, `done.json` last. A job that somebody else has ended meanwhile stays as that one left it.
 *
 * @param files their paths on this machine, by name
 */
export async function leave(
  store: Store,
  job: Job,
  seconds: number,
  files: ReadonlyMap<string, string>,
): Promise<JobDone> {
  const id = jobId(job);
  const hashes: Record<string, string> = {};
  for (const [name, path] of files) {
    const sha = sha256(await readFileLimited(path, MOST_BYTES));
    hashes[name] = sha;
    await store.putFile(fileKey(id, name, sha), path);
  }
  const before = await readDone(store, id);
  if (before) return before;
  const finishedAt = new Date().toISOString();
  const done: JobDone = { id, kind: job.kind, seconds, machine: hostname(), finishedAt, files: hashes };
  await store.put(jobKey(id, DONE), new TextEncoder().encode(`${JSON.stringify(done, null, 2)}\n`));
  return done;
}

/**
 * The files that a job left.
 *
 * @throws E_FILE where it is not done
 */
export async function outputNames(store: Store, id: string): Promise<string[]> {
  return Object.keys((await demandDone(store, id)).files);
}

async function demandDone(store: Store, id: string): Promise<JobDone> {
  const done = await readDone(store, id);
  if (done) return done;
  throw new TouchstoneError('E_FILE', `job ${id.slice(0, 12)} is not done`, 'its files in the store');
}

/** @throws E_FILE where the job is not done or left no such file; E_DATA where it is not as it was left */
export async function readOutput(
  store: Store,
  id: string,
  name: string,
  limit = MOST_BYTES,
): Promise<Uint8Array> {
  const { files } = await demandDone(store, id);
  const sha = Object.hasOwn(files, name) ? files[name] : undefined;
  if (sha === undefined)
    throw new TouchstoneError('E_FILE', `no ${name} of job ${id.slice(0, 12)} in ${store.name}`);
  return checked(await store.get(fileKey(id, name, sha), limit), sha, fileKey(id, name, sha), store);
}

/** Writes an output to a file of this machine. @throws as {@link readOutput} does; E_WRITE */
export async function fetchOutput(store: Store, id: string, name: string, path: string): Promise<void> {
  await writeFileAtomic(path, await readOutput(store, id, name));
}

/** The content of a blob. @throws E_FILE, E_DATA */
export async function readBlob(store: Store, blob: string): Promise<Uint8Array> {
  const key = blobKey(blob);
  return checked(await store.get(key, MOST_BYTES), blob, key, store);
}

function checked(bytes: Uint8Array, sha: string, key: string, store: Store): Uint8Array {
  const found = sha256(bytes);
  if (found === sha) return bytes;
  throw new TouchstoneError(
    'E_DATA',
    `${key} in ${store.name} has SHA-256 ${found.slice(0, 12)}…`,
    `${sha.slice(0, 12)}…`,
    'remove it: it is made again',
  );
}
