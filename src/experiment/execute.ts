/** Does one job, whatever carried it here. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import { printable } from '../report/format.ts';
import type { Executor } from './execute/executor.ts';
import { executeExport } from './execute/export.ts';
import { executeMerge } from './execute/merge.ts';
import { isDone, leave, readDone } from './execute/outputs.ts';
import { executeShard } from './execute/shard.ts';
import { executeTrain } from './execute/train.ts';
import type { JobControls, JobDone, Workplace } from './execute/workplace.ts';
import { type Job, type JobKind, jobId, jobSchema, jobVersion, needsOf } from './jobs.ts';

/** Each kind of job, by its own file. */
const executors: { readonly [K in JobKind]: Executor<Extract<Job, { kind: K }>> } = {
  train: executeTrain,
  export: executeExport,
  shard: executeShard,
  merge: executeMerge,
};

/** A job names things; it does not bring them. */
const MOST_PAYLOAD = 2 ** 16;

/**
 * A payload as a job, whatever it was before.
 *
 * @throws E_OPTION where it is too large, no job, or of another version
 */
export function checkedJob(payload: unknown): Job {
  const text = textOf(payload);
  if (text.length > MOST_PAYLOAD)
    throw noJob(`a payload of ${text.length} characters`, `at most ${MOST_PAYLOAD}`);
  // Of its text, so that nothing but plain JSON is looked at: no getters, no prototypes.
  const plain: unknown = JSON.parse(text);
  const version =
    typeof plain === 'object' && plain !== null && 'version' in plain ? plain.version : undefined;
  const parsed = jobSchema.safeParse(plain);
  // Another version's jobs may have other fields: that is what should be said of them.
  if (typeof version === 'string' && version !== jobVersion())
    throw noJob(`a job of touchstone ${printable(version, 80)}`, `${jobVersion()}, this worker's version`);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.map(String).join('.') || 'its top';
  throw noJob(`no job: ${printable(`${where}: ${issue?.message}`, 200)}`, 'a touchstone-job/1');
}

function textOf(payload: unknown): string {
  try {
    return JSON.stringify(payload) ?? 'null';
  } catch {
    throw noJob('a payload that is not JSON', 'a touchstone-job/1');
  }
}

const noJob = (got: string, expected: string) => new TouchstoneError('E_OPTION', got, expected);

/**
 * Does a job whose needs are done, and leaves its files in the store. A job that is done already is left alone.
 *
 * @param payload as it came: checked against {@link jobSchema} here, again
 * @throws TouchstoneError E_OPTION for a payload that is none, or of another version; E_FILE where a need is missing; else as the
 * run, the export or the audit does; AbortError when stopped
 */
export async function executeJob(
  payload: unknown,
  place: Workplace,
  controls: JobControls = {},
): Promise<JobDone> {
  const job = checkedJob(payload);
  assertDevice(job, place);
  const id = jobId(job);
  const before = await readDone(place.store, id);
  if (before) return before;
  for (const need of needsOf(job))
    if (!(await isDone(place.store, need)))
      throw new TouchstoneError(
        'E_FILE',
        `job ${need.slice(0, 12)} is not done`,
        'what this job needs, done',
      );
  controls.signal?.throwIfAborted();
  const folder = join(place.folder, 'jobs', id);
  const started = performance.now();
  try {
    const execute = executors[job.kind] as Executor<Job>;
    const files = await execute(job, { id, folder, place, controls });
    const done = await leave(place.store, job, (performance.now() - started) / 1000, files);
    await fs.remove(folder);
    return done;
  } catch (error) {
    // What is there cannot be gone on with: the next try begins anew. All else is kept.
    if (error instanceof TouchstoneError && (error.code === 'E_DATA' || error.code === 'E_FILE'))
      await fs.remove(folder);
    throw error;
  }
}

/** @throws E_OPTION for a job on a device that this worker may not use */
function assertDevice(job: Job, { devices = ['cpu'] }: Workplace): void {
  if (!('engine' in job) || devices.includes(job.engine.device)) return;
  throw new TouchstoneError(
    'E_OPTION',
    `a job on ${job.engine.device}`,
    devices.join(', '),
    `start the worker with --device ${job.engine.device}`,
  );
}
