/** A plan as BullMQ flows, which release a job when its children have ended. */
import type { FlowJob, JobsOptions } from 'bullmq';
import { type Job, jobId, type MergeJob, needsOf, shardsOf } from '../jobs.ts';
import type { Plan, PlannedJob } from '../scheduler.ts';
import type { ReleaseMessage, WorkMessage } from './message.ts';
import { queueName, releaseId } from './names.ts';

/** How often a job is tried, and how long the first wait is; each further one is twice as long. */
export interface Tries {
  readonly attempts: number;
  readonly backoffMs: number;
}

export const TRIES: Tries = { attempts: 3, backoffMs: 5000 };

const DAY = 86_400;

/** What every job of ours has: its id makes adding it twice nothing; its failure does not hold those above it. */
const options = (jobId: string, { attempts, backoffMs }: Tries): JobsOptions => ({
  jobId,
  attempts,
  backoff: { type: 'exponential', delay: backoffMs },
  removeOnComplete: { age: 3 * DAY },
  removeOnFail: { age: 30 * DAY },
  stackTraceLimit: 1,
});
const below = (own: JobsOptions): JobsOptions => ({ ...own, ignoreDependencyOnFailure: true });

/** What names a job in the queue. */
interface Titled {
  readonly title: string;
  readonly job: Job;
}

/** Makes the nodes of flows. */
export class Nodes {
  readonly #experiment: string;
  readonly #tries: Tries;

  constructor(experiment: string, tries: Tries = TRIES) {
    this.#experiment = experiment;
    this.#tries = tries;
  }

  /** A job after its children. */
  work({ title, job }: Titled, children: readonly FlowJob[] = []): FlowJob {
    const data: WorkMessage = { ...this.#message('work'), title, job };
    return this.#node(job.kind, job.version, jobId(job), data, children);
  }

  /** An audit after its shards. */
  audit(merge: { readonly title: string; readonly job: MergeJob }): FlowJob {
    const shards = shardsOf(merge.job).map((job) => this.work({ title: merge.title, job }));
    return this.work(merge, shards);
  }

  /** Audits that follow a job; with it as a child, or alone where it is somebody else's child already. */
  release(need: PlannedJob, merges: readonly Titled[], children: readonly FlowJob[] = []): FlowJob {
    const data: ReleaseMessage = {
      ...this.#message('release'),
      need: need.id,
      merges: merges.map(({ title, job }) => ({ title, job })),
    };
    const id = releaseId(need.id, merges.map(({ job }) => jobId(job)).sort());
    return this.#node('release', need.job.version, id, data, children);
  }

  #message<T extends string>(type: T) {
    return { schema: 'touchstone-queue/1', type, experiment: this.#experiment } as const;
  }

  #node(
    name: string,
    version: string,
    id: string,
    data: WorkMessage | ReleaseMessage,
    children: readonly FlowJob[],
  ): FlowJob {
    return {
      name,
      queueName: queueName(version),
      data,
      opts: options(id, this.#tries),
      ...(children.length === 0
        ? {}
        : { children: children.map((child) => ({ ...child, opts: below(child.opts ?? {}) })) }),
    } as FlowJob;
  }
}

/** A job of which others wait, with what waits; and what stands before it. */
export interface Trunk {
  readonly need: PlannedJob;
  readonly before: readonly PlannedJob[];
  readonly audits: readonly PlannedJob[];
}

/** A plan, cut where a flow can hold it together. */
export interface Cut {
  /** Models that are still to be made, with the audits of them. */
  readonly trunks: readonly Trunk[];
  /** Audits whose model is there. */
  readonly audits: readonly PlannedJob[];
  /** Jobs that are part of none of them, and can begin. */
  readonly loose: readonly PlannedJob[];
}

/** @param done ids of the jobs that need not be done */
export function cut(plan: Plan, done: ReadonlySet<string>): Cut {
  const byId = new Map(plan.jobs.map((planned) => [planned.id, planned]));
  const open = plan.jobs.filter(({ id }) => !done.has(id));
  const audits = open.filter(({ job }) => job.kind === 'merge');
  const models = open.filter(({ job }) => job.kind === 'export');
  const modelOf = ({ job }: PlannedJob): string | undefined =>
    job.kind === 'merge' && 'export' in job.model && !done.has(job.model.export)
      ? job.model.export
      : undefined;
  const trunks = models.map((need) => ({
    need,
    before: needsOf(need.job)
      .map((id) => byId.get(id))
      .filter((planned): planned is PlannedJob => planned !== undefined && !done.has(planned.id)),
    audits: audits.filter((audit) => modelOf(audit) === need.id),
  }));
  const covered = new Set([
    ...trunks.flatMap(({ need, before }) => [need.id, ...before.map(({ id }) => id)]),
    ...audits.flatMap(({ id, needs }) => [id, ...needs]),
  ]);
  return {
    trunks,
    audits: audits.filter((audit) => modelOf(audit) === undefined),
    loose: open.filter(({ id, needs }) => !covered.has(id) && needs.every((need) => done.has(need))),
  };
}
