import { type ChildPlace, startChild, type WorkChild } from '../child/index.ts';
import type { JobControls, JobDone } from '../execute/workplace.ts';
import { type Job, jobId } from '../jobs.ts';

/** How long a job may take to leave its work in order when it is stopped. */
const STOP_MS = 20_000;

/** Child processes for jobs: as many as there are jobs at once, each kept for the next job. */
export class Slots {
  readonly #place: ChildPlace;
  readonly #entry: URL | undefined;
  readonly #free: WorkChild[] = [];
  readonly #under = new Map<string, Promise<JobDone>>();
  readonly #all = new Set<WorkChild>();

  constructor(place: ChildPlace, entry?: URL) {
    this.#place = place;
    this.#entry = entry;
  }

  /** Starts children before there are jobs for them: to load the engine takes a second. */
  warm(count: number): void {
    while (this.#all.size < count) this.#free.push(this.#start());
  }

  /**
   * Does a job as `executeJob` does, in a process of its own. A job that is under way already, because the queue forgot in a long
   * silence that it is, is not begun twice.
   */
  run(job: Job, controls: JobControls): Promise<JobDone> {
    const id = jobId(job);
    const before = this.#under.get(id);
    if (before) return before;
    const run = this.#runIn(this.#take(), job, controls).finally(() => this.#under.delete(id));
    this.#under.set(id, run);
    return run;
  }

  /** Of the children that live. */
  get pids(): number[] {
    return [...this.#all].flatMap(({ pid }) => pid ?? []);
  }

  /** Ends all children. */
  kill(): void {
    for (const child of this.#all) child.kill();
    this.#all.clear();
    this.#free.length = 0;
  }

  #take(): WorkChild {
    for (let child = this.#free.pop(); child; child = this.#free.pop()) {
      if (child.pid !== undefined) return child;
      this.#all.delete(child);
    }
    return this.#start();
  }

  #start(): WorkChild {
    const child = startChild(this.#place, this.#entry ? { entry: this.#entry } : {});
    this.#all.add(child);
    return child;
  }

  async #runIn(child: WorkChild, job: Job, controls: JobControls): Promise<JobDone> {
    let timer: NodeJS.Timeout | undefined;
    const hurry = () => {
      timer = setTimeout(() => child.kill(), STOP_MS);
    };
    controls.signal?.addEventListener('abort', hurry, { once: true });
    try {
      return await child.run(job, controls);
    } finally {
      clearTimeout(timer);
      controls.signal?.removeEventListener('abort', hurry);
      if (child.pid === undefined) this.#all.delete(child);
      else this.#free.push(child);
    }
  }
}
