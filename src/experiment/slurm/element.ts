/** One element of a job array: one line of a list, done here. */
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TouchstoneError } from '../../errors.ts';
import { readFileLimited } from '../../io/index.ts';
import type { JobControls, Workplace } from '../execute/workplace.ts';
import type { executeJob } from '../execute.ts';
import { type Job, jobId, jobSchema, needsOf } from '../jobs.ts';
import { DONE, jobKey, type Store } from '../store.ts';
import { writeFailure } from './collect.ts';

/** Of a list: a thousand jobs and their titles are half of one. */
const MOST_BYTES = 64 * 2 ** 20;

export interface ElementOptions {
  /** A list of jobs, one per line. */
  readonly list: string;
  /** Of the line, from 0. */
  readonly index: number;
  /** Where a failure's reason is left. */
  readonly failures: string;
  /** Which try this is, from 1. */
  readonly attempt: number;
}

export type ElementEnd =
  | { readonly state: 'done'; readonly id: string }
  /** Because this job is not done. */
  | { readonly state: 'skipped'; readonly id: string; readonly because: string }
  /** `refused`: trying again would not help. */
  | { readonly state: 'failed' | 'refused'; readonly id: string; readonly reason: string };

/**
 * Does the job of a line, in a folder of its own below the workplace's.
 *
 * @param execute {@link executeJob}, which brings the engines along: given, so that a list can be read without them
 * @throws TouchstoneError E_FILE, E_DATA, E_OPTION where the list holds no such job; AbortError when stopped
 */
export async function runElement(
  { list, index, failures, attempt }: ElementOptions,
  place: Workplace,
  controls: JobControls,
  execute: typeof executeJob,
): Promise<ElementEnd> {
  const job = await jobAt(list, index);
  const id = jobId(job);
  const because = await missingNeed(job, place.store);
  if (because !== undefined) return { state: 'skipped', id, because };
  const folder = join(resolve(place.folder), id);
  try {
    await execute(job, { ...place, folder }, controls);
  } catch (error) {
    if (controls.signal?.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    await writeFailure(failures, id, { reason: reason.replace(/\s*\n\s*/g, ' '), attempts: attempt });
    const refused = error instanceof TouchstoneError && error.code === 'E_OPTION';
    return { state: refused ? 'refused' : 'failed', id, reason };
  }
  await rm(folder, { recursive: true, force: true });
  await rm(join(failures, `${id}.json`), { force: true });
  return { state: 'done', id };
}

async function jobAt(list: string, index: number): Promise<Job> {
  const lines = new TextDecoder()
    .decode(await readFileLimited(list, MOST_BYTES))
    .split('\n')
    .filter(Boolean);
  const line = lines[index];
  if (lines.length === 0) throw new TouchstoneError('E_DATA', `${list} is empty`, 'a job per line');
  if (line === undefined)
    throw new TouchstoneError('E_OPTION', `--index ${index}`, `0 to ${lines.length - 1}, as ${list} has`);
  const read = jobSchema.safeParse(jobOf(line));
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0]!;
  throw new TouchstoneError(
    'E_DATA',
    `line ${index + 1} of ${list} holds no job (${['job', ...path].join('.')}: ${message})`,
    'what run --slurm writes',
    'run it again',
  );
}

function jobOf(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'job' in value ? value.job : undefined;
  } catch {
    return undefined;
  }
}

async function missingNeed(job: Job, store: Store): Promise<string | undefined> {
  if (await store.has(jobKey(jobId(job), DONE))) return undefined;
  for (const need of needsOf(job)) if (!(await store.has(jobKey(need, DONE)))) return need;
  return undefined;
}
