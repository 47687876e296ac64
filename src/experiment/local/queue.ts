/** Which job is next: of those whose needs are done, the one that is nearest to the end of a cell. */
import type { JobDone } from '../execute/workplace.ts';
import type { JobKind } from '../jobs.ts';
import type { Outcome, PlannedJob } from '../scheduler.ts';

export interface WorkQueue {
  /** Of the jobs that are over. */
  readonly outcomes: Map<string, Outcome>;
  /** Jobs that are not over. */
  readonly left: number;
  /** Waits for a job; undefined where none will come, or the signal is set. */
  take(): Promise<PlannedJob | undefined>;
  done(id: string, done: JobDone): void;
  /**
   * A try has failed. Where it was the last one, so have all jobs that need this one.
   *
   * @returns whether it is tried again
   */
  failed(id: string, reason: string, attempts: number): boolean;
}

/** Cells are ended before others are begun. */
const ORDER: readonly JobKind[] = ['merge', 'shard', 'export', 'train'];

/** First in, first out, however long. */
class Line {
  #items: PlannedJob[] = [];
  #head = 0;

  push(job: PlannedJob): void {
    this.#items.push(job);
  }

  shift(): PlannedJob | undefined {
    const job = this.#items[this.#head];
    if (job) this.#head += 1;
    if (this.#head > 1000 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return job;
  }
}

/** @param jobs each after its needs. @param signal ends the waiting */
export function queueOf(jobs: readonly PlannedJob[], signal?: AbortSignal): WorkQueue {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const followers = new Map<string, string[]>();
  const waiting = new Map<string, number>();
  for (const { id, needs } of jobs) {
    waiting.set(id, needs.length);
    for (const need of needs) {
      const list = followers.get(need);
      if (list) list.push(id);
      else followers.set(need, [id]);
    }
  }
  const outcomes = new Map<string, Outcome>();
  const tries = new Map<string, number>();
  const lines = new Map(ORDER.map((kind) => [kind, new Line()]));
  const takers: (() => void)[] = [];

  const wake = () => {
    for (const taker of takers.splice(0)) taker();
  };
  signal?.addEventListener('abort', wake, { once: true });
  const ready = (job: PlannedJob) => lines.get(job.job.kind)!.push(job);
  for (const job of jobs) if (job.needs.length === 0) ready(job);

  const next = (): PlannedJob | undefined => {
    for (const line of lines.values())
      for (let job = line.shift(); job; job = line.shift()) if (!outcomes.has(job.id)) return job;
    return undefined;
  };
  const skip = (id: string, because: string) => {
    for (const follower of followers.get(id) ?? []) {
      if (outcomes.has(follower)) continue;
      outcomes.set(follower, { state: 'skipped', because });
      skip(follower, because);
    }
  };

  return {
    outcomes,
    get left() {
      return jobs.length - outcomes.size;
    },
    async take() {
      for (;;) {
        if (signal?.aborted || outcomes.size === jobs.length) return undefined;
        const job = next();
        if (job) return job;
        await new Promise<void>((resolve) => takers.push(resolve));
      }
    },
    done(id, done) {
      if (outcomes.has(id)) return;
      outcomes.set(id, { state: 'done', done });
      for (const follower of followers.get(id) ?? []) {
        const left = waiting.get(follower)! - 1;
        waiting.set(follower, left);
        if (left === 0) ready(byId.get(follower)!);
      }
      wake();
    },
    failed(id, reason, attempts) {
      const tried = (tries.get(id) ?? 0) + 1;
      tries.set(id, tried);
      const again = tried < attempts;
      if (again) ready(byId.get(id)!);
      else {
        outcomes.set(id, { state: 'failed', reason, attempts: tried });
        skip(id, id);
      }
      wake();
      return again;
    },
  };
}
