/** How far the benchmark is, by what its attacks took and those to come may take. */
import type { Bout } from './bouts.ts';
import type { Run } from './record.ts';
import type { Tool } from './tools.ts';

/** One attack of one tool. */
export interface Job {
  /** Warm-up, curve, or which round. */
  readonly part: string;
  /** The attack's. */
  readonly name: string;
  readonly tool: Pick<Tool, 'name' | 'attack'>;
  readonly bout: Bout;
  readonly seed: number;
  /** The same for the same attack of the same tool. */
  readonly key: string;
  keep(run: Run): void;
}

type Timed = Pick<Job, 'key' | 'tool' | 'bout'>;

/** Seconds per unit of work before anything was timed; only the first line depends on it. */
const GUESS = 0.05;

export class Timing {
  readonly #left: Set<Timed>;
  readonly #known = new Map<string, number>();
  readonly #spent = new Map<string, { seconds: number; work: number }>();
  #seconds = 0;

  constructor(jobs: readonly Timed[]) {
    this.#left = new Set(jobs);
  }

  took(job: Timed, seconds: number): void {
    this.#left.delete(job);
    this.#known.set(job.key, seconds);
    const { name } = job.tool;
    const before = this.#spent.get(name) ?? { seconds: 0, work: 0 };
    this.#spent.set(name, { seconds: before.seconds + seconds, work: before.work + job.bout.work });
    this.#seconds += seconds;
  }

  skip(job: Timed): void {
    this.#left.delete(job);
  }

  /** Of all seconds, those that are over: 0 to 1. */
  fraction(): number {
    const left = [...this.#left].reduce((sum, job) => sum + this.#expected(job), 0);
    return this.#seconds + left > 0 ? this.#seconds / (this.#seconds + left) : 1;
  }

  /** As the same attack took, or by the tool's seconds per backward pass so far, or by anyone's. */
  #expected({ key, tool, bout }: Timed): number {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const own = this.#spent.get(tool.name);
    const all = [...this.#spent.values()];
    const sum = (of: 'seconds' | 'work') => all.reduce((total, each) => total + each[of], 0);
    const rate = own ? own.seconds / own.work : all.length > 0 ? sum('seconds') / sum('work') : GUESS;
    return bout.work * rate;
  }
}
