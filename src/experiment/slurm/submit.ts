/** Hands a plan to Slurm, which carries it out without us. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../../errors.ts';
import { writeFilesAtomic } from '../../io/index.ts';
import type { Plan } from '../scheduler.ts';
import type { Store } from '../store.ts';
import { arraysOf } from './arrays.ts';
import { undone } from './collect.ts';
import type { SlurmOptions } from './options.ts';
import { arraySizeHere, stillQueued, submitAll } from './sbatch.ts';
import { COMPARE, SUBMITTED, slurmFiles, slurmFolder, submissionsOf } from './scripts.ts';

export interface Submitted {
  /** Where the scripts are. */
  readonly folder: string;
  /** Jobs that were not done; where there are none, nothing is written. */
  readonly jobs: number;
  /** Slurm's ids by the arrays' names, the comparison last; undefined where nothing was submitted. */
  readonly ids?: ReadonlyMap<string, string>;
}

/**
 * Writes the scripts of all jobs that are not done, and submits them. Called again it does so for what is not done by then.
 *
 * @throws E_OPTION for an option that cannot stand in a script, or while an earlier submission is in the queue; E_ENGINE where Slurm
 * refuses; E_WRITE where the folder cannot be written
 */
export async function submitPlan(
  plan: Plan,
  store: Store,
  { writeOnly = false, ...options }: SlurmOptions & { readonly writeOnly?: boolean },
): Promise<Submitted> {
  const folder = slurmFolder(options.out);
  const queued = await stillQueued(folder);
  if (queued.length > 0)
    throw new TouchstoneError(
      'E_OPTION',
      `${queued.length} arrays of this experiment are in the queue (${queued.slice(0, 5).join(', ')})`,
      'none',
      `wait for them, or scancel ${queued.join(' ')}`,
    );
  const jobs = await undone(plan, store);
  if (jobs.length === 0) return { folder, jobs: 0 };
  const arrays = arraysOf(jobs, options.arraySize ?? (await arraySizeHere()));
  const files = slurmFiles(plan, arrays, options);
  await clear(folder);
  await writeFilesAtomic(new Map([...files].map(([name, text]) => [join(folder, name), text])));
  await fs.ensureDir(join(folder, 'log'));
  await fs.chmod(join(folder, 'submit.sh'), 0o755);
  if (writeOnly) return { folder, jobs: jobs.length };
  return { folder, jobs: jobs.length, ids: await submitAll(folder, submissionsOf(arrays, options)) };
}

/** Takes away what an earlier submission has written; logs and half-done work stay. */
async function clear(folder: string): Promise<void> {
  const old = (await fs.readdir(folder).catch((): string[] => [])).filter(
    (name) => /^[a-z]+(?:-\d+\.jsonl|\.sbatch)$/.test(name) || name === SUBMITTED || name === 'failed',
  );
  for (const name of old) await fs.remove(join(folder, name));
}

/** What to tell people. */
export function describe({ folder, jobs, ids }: Submitted): string {
  const count = `${jobs} ${jobs === 1 ? 'job' : 'jobs'}`;
  if (jobs === 0) return 'all jobs are done';
  if (!ids)
    return `scripts of ${count} are in ${folder}: read them, then run bash ${join(folder, 'submit.sh')}`;
  const arrays = [...ids].map(([name, id]) => `${name} ${id}`).join(', ');
  return `submitted ${count}: ${arrays}; the comparison is job ${ids.get(COMPARE)}. squeue --me shows them, logs are in ${join(folder, 'log')}`;
}
