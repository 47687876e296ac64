/** Jobs as job arrays: a level of the plan after the other, none longer than the cluster allows. */
import type { JobKind } from '../jobs.ts';
import type { PlannedJob } from '../scheduler.ts';

/** One `sbatch`. */
export interface JobArray {
  /** Also the name of its list of jobs, `shard-2.jsonl`. */
  readonly name: string;
  readonly kind: JobKind;
  readonly jobs: readonly PlannedJob[];
  /** Names of the arrays that must have ended before. */
  readonly after: readonly string[];
}

/** In this order each kind needs only kinds before it. */
const LEVELS: readonly JobKind[] = ['train', 'export', 'shard', 'merge'];

/**
 * One array per level, or several where a level has more jobs than fit into one. Each waits until those of the level before have
 * *ended*, well or not (`afterany`): an element looks for its needs itself, so that a failed cell holds no other. `aftercorr`, element
 * after element, would leave what comes after a failure in the queue for ever.
 *
 * @param jobs those that are not done
 * @param size elements of an array at most
 */
export function arraysOf(jobs: readonly PlannedJob[], size: number): JobArray[] {
  const arrays: JobArray[] = [];
  let before: string[] = [];
  for (const kind of LEVELS) {
    const level = jobs.filter(({ job }) => job.kind === kind);
    const parts = Array.from({ length: Math.ceil(level.length / size) }, (_, i) => ({
      name: `${kind}-${i + 1}`,
      kind,
      jobs: level.slice(i * size, (i + 1) * size),
      after: before,
    }));
    arrays.push(...parts);
    if (parts.length > 0) before = parts.map(({ name }) => name);
  }
  return arrays;
}

/** The arrays that nothing here waits for: the comparison comes after them. */
export function lastOf(arrays: readonly JobArray[]): string[] {
  const kind = arrays.at(-1)?.kind;
  return arrays.filter((array) => array.kind === kind).map(({ name }) => name);
}
