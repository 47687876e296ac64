/** What became of jobs that others did, read from the store and from what array elements left. */
import { join } from 'node:path';
import { z } from 'zod';
import { readFileLimited, writeFileAtomic } from '../../io/index.ts';
import { readDone } from '../execute/outputs.ts';
import type { Outcome, Plan, PlannedJob, Scheduler } from '../scheduler.ts';
import { DONE, jobKey, type Store } from '../store.ts';

/** Asked of the store at once. */
const AT_ONCE = 32;
const MOST_BYTES = 2 ** 20;

const failure = z.object({ reason: z.string(), attempts: z.int().positive() });
type Failure = z.infer<typeof failure>;

/** The jobs that are not done, in the plan's order. */
export async function undone(plan: Plan, store: Store): Promise<PlannedJob[]> {
  const done: boolean[] = [];
  for (let i = 0; i < plan.jobs.length; i += AT_ONCE)
    done.push(
      ...(await Promise.all(plan.jobs.slice(i, i + AT_ONCE).map(({ id }) => store.has(jobKey(id, DONE))))),
    );
  return plan.jobs.filter((_, i) => !done[i]);
}

const failurePath = (folder: string, id: string): string => join(folder, `${id}.json`);

/** Leaves why a job failed, for the comparison. */
export const writeFailure = (folder: string, id: string, why: Failure): Promise<void> =>
  writeFileAtomic(failurePath(folder, id), `${JSON.stringify(why)}\n`);

/** Without one the job was killed, or never begun. */
async function readFailure(folder: string, id: string): Promise<Failure> {
  const bytes = await readFileLimited(failurePath(folder, id), MOST_BYTES).catch(() => undefined);
  const read = bytes && failure.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  return read?.success
    ? read.data
    : { reason: 'ended without a word (killed, or out of time or memory): see its log', attempts: 1 };
}

/**
 * A scheduler that has nothing done: it says what is.
 *
 * @param failures the folder where elements leave why a job failed
 */
export const collectScheduler =
  ({ failures }: { readonly failures: string }): Scheduler =>
  async (plan, store, { onEvent }) => {
    const outcomes = new Map<string, Outcome>();
    for (const { id, needs } of plan.jobs) {
      const done = await readDone(store, id);
      const outcome = done ? ({ state: 'done', done } as const) : await whyNot(id, needs, outcomes, failures);
      outcomes.set(id, outcome);
      onEvent?.({
        id,
        state: outcome.state,
        ...(outcome.state === 'failed' ? { reason: outcome.reason } : {}),
      });
    }
    return outcomes;
  };

/** The first need that is not done is to blame, or what that one blames. */
async function whyNot(
  id: string,
  needs: readonly string[],
  outcomes: ReadonlyMap<string, Outcome>,
  failures: string,
): Promise<Outcome> {
  const need = needs.find((n) => outcomes.get(n)?.state !== 'done');
  if (need === undefined) return { state: 'failed', ...(await readFailure(failures, id)) };
  const blamed = outcomes.get(need);
  return { state: 'skipped', because: blamed?.state === 'skipped' ? blamed.because : need };
}
