/** One real run, held every so often to time the phases that its mini-batches are made of just then. */
import { type DataSet, limit } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { type RunRecipe, trainOptionsOf } from '../../src/runs/train-run.ts';
import { builtTrainee } from '../../src/runs/trainee.ts';
import { type EpochRecord, type Snapshot, train } from '../../src/train/index.ts';
import { median } from '../measure.ts';
import { Beds, type Site } from '../phases/bed.ts';
import {
  isTold,
  projectSeconds,
  type Term,
  type Times,
  type Told,
  termsOf,
  toldBy,
  type Work,
  workName,
  worksOf,
} from '../phases/cost-model.ts';
import { Job, round, statisticsOf } from '../phases/sampling.ts';
import type { Cost } from './record.ts';

/** Mini-batches that the images of the beds make up. */
const BATCHES = 4;

export interface TimedRunOptions {
  readonly engine: Engine;
  readonly data: DataSet;
  readonly recipe: RunRecipe;
  /** How often the run is held. */
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** After every mini-batch: the share of the run that is done. */
  readonly onProgress: (share: number) => void;
}

/** What is known of the first epoch before it begins: one step or replay; of a friendly attack, any. */
const FIRST: Told = { r: 1, calls: 2, images: 1 };

/** The same of the next epoch: r is in the state. */
const nextTold = ({ method: { numbers } }: Snapshot): Told => ({ ...FIRST, r: numbers.count ?? 1 });

/**
 * Trains, and projects what it should have taken.
 *
 * @returns undefined where the signal stopped it
 * @throws E_RANGE where training diverges
 */
export async function timedRun(options: TimedRunOptions): Promise<Cost | undefined> {
  const { recipe, data, engine } = options;
  const site = {
    engine,
    model: recipe.model,
    data: limit(data, BATCHES * recipe.batchSize),
    batch: recipe.batchSize,
  };
  const beds = new Beds(site);
  try {
    return await new TimedRun(options, site, beds).cost();
  } finally {
    await beds.close();
  }
}

class TimedRun {
  readonly #o: TimedRunOptions;
  readonly #site: Site;
  readonly #beds: Beds;
  readonly #jobs = new Map<string, Job>();
  /** Milliseconds by piece of work, epoch by epoch: a machine is not the same for minutes on end. */
  readonly #samples: Map<string, number[]>[] = [new Map()];
  /** Of each mini-batch, by epoch. */
  readonly #seconds: number[][] = [[]];
  readonly #history: EpochRecord[] = [];
  #told: Told = FIRST;

  constructor(options: TimedRunOptions, site: Site, beds: Beds) {
    this.#o = options;
    this.#site = site;
    this.#beds = beds;
  }

  get #batches(): number {
    return Math.ceil(this.#o.data.n / this.#o.recipe.batchSize);
  }

  async cost(): Promise<Cost | undefined> {
    const { recipe, data, engine, rounds, signal, onProgress } = this.#o;
    const trainee = builtTrainee(recipe, data.shape);
    const whole = this.#batches * recipe.epochs;
    const every = Math.max(1, Math.floor(whole / rounds));
    let done = 0;
    let before = 0;
    await this.#round(); // compiles, too
    for await (const event of train({ engine, ...trainOptionsOf(recipe, data, trainee), signal })) {
      if (event.kind === 'interrupted') return undefined;
      if (event.kind === 'epoch') {
        await this.#endEpoch(event.record, event.snapshot);
        before = 0;
        continue;
      }
      done += 1;
      this.#seconds.at(-1)!.push(event.progress.seconds - before);
      before = event.progress.seconds;
      onProgress(done / whole);
      if (done % every === 0 && done < whole) await this.#round();
    }
    return this.#result();
  }

  async #endEpoch(record: EpochRecord, snapshot: Snapshot): Promise<void> {
    this.#history.push(record);
    this.#seconds.push([]);
    this.#samples.push(new Map());
    this.#told = nextTold(snapshot);
    const { method } = this.#o.recipe;
    for (const as of new Set([...this.#jobs.values()].map(({ work }) => work.as).concat(method)))
      (await this.#beds.bedOf(as)).adopt(snapshot.state);
    // The next hold may be after its end.
    if (this.#works().some((work) => !this.#jobs.has(workName(work)))) await this.#round();
  }

  /** What the mini-batches of the epoch under way are made of; nothing after the last. */
  #works(): Work[] {
    const { recipe } = this.#o;
    const epoch = this.#history.length + 1;
    return epoch > recipe.epochs ? [] : worksOf([termsOf(recipe, epoch, this.#told)]);
  }

  async #round(): Promise<void> {
    const jobs: Job[] = [];
    for (const work of this.#works()) jobs.push(await this.#job(work));
    const before = jobs.map(({ samples }) => samples.length);
    await round(jobs, () => !this.#o.signal.aborted);
    const epoch = this.#samples.at(-1)!;
    for (const [i, { name, samples }] of jobs.entries())
      epoch.set(name, [...(epoch.get(name) ?? []), ...samples.slice(before[i])]);
  }

  async #job(work: Work): Promise<Job> {
    const name = workName(work);
    const job = this.#jobs.get(name) ?? (await Job.of(this.#beds, work, this.#site));
    this.#jobs.set(name, job);
    return job;
  }

  /** Milliseconds of a piece of work in an epoch. */
  #taken(work: Work, epoch: number): readonly number[] {
    return this.#samples[epoch - 1]?.get(workName(work)) ?? [];
  }

  #result(): Cost {
    const { recipe, data } = this.#o;
    const { method, epochs } = recipe;
    const told = this.#history.map((record) => toldBy(method, record, data.n));
    const times: Times = (work, epoch) => {
      const own = this.#taken(work, epoch);
      return median(own.length > 0 ? own : this.#jobs.get(workName(work))!.samples);
    };
    const projectedSeconds = projectSeconds(recipe, data.n, times, told);
    const timedSeconds = this.#history.reduce((sum, { seconds }) => sum + seconds, 0);
    const steadySeconds = this.#seconds
      .filter((seconds) => seconds.length > 0)
      .reduce((sum, seconds) => sum + median(seconds) * (data.n / recipe.batchSize), 0);
    const terms = told.map((t, e) => termsOf(recipe, e + 1, t));
    return {
      ...{ method, epochs, images: data.n, batches: this.#batches },
      counts: isTold(recipe) ? 'run' : 'formula',
      works: worksOf(terms).map((work) => {
        const { samples } = this.#jobs.get(workName(work))!;
        const byEpoch = terms.map((own, e) => ({
          count: countIn(own, work),
          n: this.#taken(work, e + 1).length,
        }));
        const count = byEpoch.reduce((sum, each) => sum + each.count, 0) / byEpoch.length;
        return { ...work, ...statisticsOf(samples), count, samples: [...samples], byEpoch };
      }),
      ...{ projectedSeconds, timedSeconds, steadySeconds },
      error: projectedSeconds / steadySeconds - 1,
      errorAsRun: projectedSeconds / timedSeconds - 1,
    };
  }
}

/** How often a mini-batch takes a piece of work. */
const countIn = (terms: readonly Term[], work: Work): number =>
  terms.filter((term) => workName(term) === workName(work)).reduce((sum, { count }) => sum + count, 0);
