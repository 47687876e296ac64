/**
 * Pieces of work, timed by tinybench in turn: what disturbs the machine for a while disturbs them all, and each finds the
 * caches as training leaves them, full of another phase's numbers.
 */
import { setTimeout } from 'node:timers/promises';
import { Bench } from 'tinybench';
import { type Counts, spent } from '../../src/engine/index.ts';
import { quantile } from '../measure.ts';
import type { Beds, Site } from './bed.ts';
import { type Work, workName } from './cost-model.ts';
import { type PhaseSpec, phases } from './registry.ts';

/** Threads spin for a while after their work, and would take the cores from whoever runs next: milliseconds. */
const REST = 30;

/** What a round lasts at least, in milliseconds, unless so many turns are over. */
const ROUND = 600;
const MOST = 24;

/** Work that takes longer, in milliseconds, is not warmed up in each round; once at all where it takes this long. */
const LONG = 200;
const VERY_LONG = 1000;

/** Milliseconds, and how they are spread. */
export interface Statistics {
  readonly n: number;
  readonly mean: number;
  readonly p50: number;
  /** Of a sample; 0 where there is one. */
  readonly sd: number;
}

/** @param samples one or more */
export function statisticsOf(samples: readonly number[]): Statistics {
  const n = samples.length;
  const mean = samples.reduce((sum, v) => sum + v, 0) / n;
  const squares = samples.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { n, mean, p50: quantile(samples, 0.5), sd: n > 1 ? Math.sqrt(squares / (n - 1)) : 0 };
}

/** Digits that a sample is kept with; statistics are of the samples as they are kept. */
const DIGITS = 4;
export const kept = (milliseconds: number): number => Number(milliseconds.toPrecision(DIGITS));

/** A piece of work, ready to be timed. */
export class Job {
  readonly work: Work;
  readonly name: string;
  /** Milliseconds. */
  readonly samples: number[] = [];
  /** Runs that were not timed. */
  warmUp = 0;
  /** Of the last run that was not timed. */
  milliseconds = 0;
  /** Passes through the network in one run. */
  passes: Pick<Counts, 'forward' | 'backward'> = { forward: 0, backward: 0 };
  readonly #run: () => unknown;
  readonly #before: () => void;

  private constructor(work: Work, run: () => unknown, before: () => void) {
    this.work = work;
    this.name = workName(work);
    this.#run = run;
    this.#before = before;
  }

  /**
   * Compiles and computes what it needs, and runs it twice, or once where that takes long: what is cold does not count.
   *
   * @throws what the engine throws where it cannot
   */
  static async of(beds: Beds, work: Work, { engine, data }: Site): Promise<Job> {
    const spec: PhaseSpec = phases[work.phase];
    const args = await beds.argumentsOf(work.as, work.steps);
    const run = await spec.begin({
      args,
      method: work.as,
      data,
      share: work.share ?? 1,
      times: work.steps ?? 1,
    });
    const bed = await beds.bedOf(work.as);
    const job = new Job(work, run, spec.afterUpdate ? () => bed.renew() : () => {});
    for (let i = 0; i < 2; i++) {
      const before = engine.counts();
      const started = performance.now();
      await job.warm();
      job.milliseconds = performance.now() - started;
      job.passes = spent(before, engine.counts());
      if (job.milliseconds > VERY_LONG) break;
    }
    return job;
  }

  /** Once, timed. @throws what the work throws */
  async sample(): Promise<void> {
    const bench = new Bench({ time: 0, iterations: 1, warmup: false, retainSamples: true, throws: true });
    bench.add(this.name, this.#run, { async: true, beforeEach: this.#before });
    const [task] = await bench.run();
    const { result } = task!;
    if (result.state === 'completed') this.samples.push(...result.latency.samples!.map(kept));
  }

  /** Once, untimed. @throws what the work throws */
  async warm(): Promise<void> {
    this.#before();
    await this.#run();
    this.warmUp += 1;
  }
}

/** What a round should last, by the runs before it. */
export const roundSeconds = (jobs: readonly Job[]): number =>
  Math.max(
    ROUND,
    jobs.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
  ) / 1000;

/**
 * A round: each in turn, again and again for a while.
 *
 * @param goesOn asked before each piece of work. @default always
 * @throws what the work throws
 */
export async function round(jobs: readonly Job[], goesOn: () => boolean = () => true): Promise<void> {
  await setTimeout(REST);
  for (const job of jobs) if (job.milliseconds < LONG && goesOn()) await job.warm();
  const started = performance.now();
  for (let turn = 0; turn < MOST && (turn === 0 || performance.now() - started < ROUND); turn++)
    for (const job of jobs) {
      if (!goesOn()) return;
      await job.sample();
    }
}
