/** What carries the jobs of an experiment to their workers: child processes here, a queue, a cluster. */
import type { JobDone } from './execute/workplace.ts';
import type { Job } from './jobs.ts';
import type { Store } from './store.ts';

/** A job in its place. */
export interface PlannedJob {
  readonly id: string;
  readonly job: Job;
  /** Ids of the jobs before it; they stand before it in the plan. */
  readonly needs: readonly string[];
  /** For people: what it is part of, `gaat mnist-cnn mnist ε 0.1 seed 0`; of the first cell, where cells share it. */
  readonly title: string;
  /** Ids of the cells that it is part of. */
  readonly cells: readonly string[];
}

/** Work to be done: jobs, each once, each after its needs. */
export interface Plan {
  /** The experiment's. */
  readonly name: string;
  readonly jobs: readonly PlannedJob[];
  /** The data sets that jobs name, by the paths of the machine that planned: see `Workplace.data`. */
  readonly data: ReadonlyMap<string, string>;
}

/** How a job ended. */
export type Outcome =
  | { readonly state: 'done'; readonly done: JobDone }
  /** Tried as often as it may be; with the last reason, one line. */
  | { readonly state: 'failed'; readonly reason: string; readonly attempts: number }
  /** Not begun, because a job that it needs failed: that one's id. */
  | { readonly state: 'skipped'; readonly because: string };

/** What a scheduler tells of a job under way. */
export interface JobEvent {
  readonly id: string;
  readonly state: 'active' | 'done' | 'failed' | 'retried' | 'skipped';
  /** Of the job, from 0 to 1, while it is active. */
  readonly fraction?: number;
  readonly stage?: string;
  /** Who does it. */
  readonly worker?: string;
  /** Of the job, where it is done and that is known. */
  readonly seconds?: number;
  /** Why it failed or is retried, one line. */
  readonly reason?: string;
}

export interface SchedulerControls {
  readonly onEvent?: (event: JobEvent) => void;
  /** Stops soon. What is done stays done: the same call goes on from there. */
  readonly signal?: AbortSignal;
}

/**
 * Has all jobs done that are not, each after its needs; a job that fails for good does not hold those that do not need it. Blobs that
 * jobs name are in the store already.
 *
 * @returns the outcome of every job, by its id
 * @throws AbortError when stopped; TouchstoneError where it cannot begin at all
 */
export type Scheduler = (
  plan: Plan,
  store: Store,
  controls: SchedulerControls,
) => Promise<ReadonlyMap<string, Outcome>>;
