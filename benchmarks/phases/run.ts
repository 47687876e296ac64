/** Times the phases of training: per network and engine, in rounds, each method's where the method would take them. */
import type { Progress } from '../../src/cli/progress.ts';
import type { Engine } from '../../src/engine/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { machine, tool } from '../../src/io/index.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import { nvidiaGpus } from '../../src/setup/gpu.ts';
import { thisHost } from '../../src/setup/host.ts';
import { type MethodName, methods } from '../../src/train/index.ts';
import { Beds, randomImages, type Site } from './bed.ts';
import { type Told, termsOf, type Work, workName, worksOf } from './cost-model.ts';
import { batchOf, type PhasesOptions } from './options.ts';
import { EPOCHS, projectionsOf } from './projections.ts';
import { type Measured, type PhasesRecord, withRatios } from './record.ts';
import { type PhaseName, phaseNames, phases } from './registry.ts';
import { Job, round, roundSeconds, statisticsOf } from './sampling.ts';
import { findTags, type Tag, trainingSources } from './tags.ts';

/** Rounds that the time limit leaves: fewer say nothing of their spread. */
const LEAST_ROUNDS = 3;

/** Mini-batches that the images of a bed make up. */
const BATCHES = 4;

/** Phases that a method's mini-batch is not made of, but that its paper tells apart. */
const PARTS: Readonly<Partial<Record<MethodName, readonly PhaseName[]>>> = {
  pgd: ['RAT lines 6-7'],
  gaat: ['GAAT lines 4-6', 'GAAT lines 8-9'],
};

export interface Controls {
  readonly progress: Progress;
  /** Stops after the piece of work under way. */
  readonly signal: AbortSignal;
  /** After every round, with all that is known by then. */
  readonly onRecord?: (record: PhasesRecord) => Promise<void>;
}

/**
 * @returns the record; an engine that is not set up is left out, what fails on the way is among its failures
 * @throws E_ENGINE where no engine is set up
 */
export async function benchPhases(options: PhasesOptions, controls: Controls): Promise<PhasesRecord> {
  const bench = new PhasesBench(options, controls);
  try {
    await bench.open();
    await bench.work();
  } finally {
    await bench.close();
  }
  return bench.record(controls.signal.aborted ? 'interrupted' : 'whole');
}

/** What the data would tell of a method's mini-batches, at both ends: every work that it may take is among them. */
const told: readonly Told[] = [
  { r: 1, calls: 2, images: 1 },
  { r: 2, calls: 2, images: 1 },
];

/** A method's pieces of work, natural epochs and adversarial ones. */
function worksOfMethod(method: MethodName, beds: Beds): Work[] {
  const recipe = beds.recipe(method, EPOCHS);
  const ends = [...told, { ...told[1], r: recipe.steps }];
  const lists = ends.flatMap((t) => [termsOf(recipe, 1, t), termsOf(recipe, recipe.epochs, t)]);
  return [...worksOf(lists), ...(PARTS[method] ?? []).map(alone)];
}

const alone = (phase: PhaseName): Work => ({ phase, as: phases[phase].as });

/** All pieces of work, the forward pass first; with all methods, all phases. */
export function plan(chosen: readonly MethodName[], beds: Beds): { work: Work; methods: MethodName[] }[] {
  const isAll = Object.keys(methods).every((name) => chosen.includes(name as MethodName));
  const own = chosen.map((method) => ({ method, works: worksOfMethod(method, beds) }));
  const taken = own.flatMap(({ works }) => works);
  const others = phaseNames.filter((phase) => !taken.some((work) => work.phase === phase)).map(alone);
  const all = [alone('forward'), ...taken, ...(isAll ? others : [])];
  return [...new Map(all.map((work) => [workName(work), work]))].map(([name, work]) => ({
    work,
    methods: own.filter(({ works }) => works.some((w) => workName(w) === name)).map(({ method }) => method),
  }));
}

class PhasesBench {
  readonly #options: PhasesOptions;
  readonly #controls: Controls;
  readonly #tags: ReadonlyMap<string, Tag>;
  readonly #engines: Engine[] = [];
  readonly #leftOut: PhasesRecord['leftOut'] = [];
  readonly #failures: PhasesRecord['failures'] = [];
  readonly #done: Pick<PhasesRecord, 'rows' | 'projections'> = { rows: [], projections: [] };
  #current: Pick<PhasesRecord, 'rows' | 'projections'> = { rows: [], projections: [] };
  #steps = 1;
  #gpus: string[] = [];

  constructor(options: PhasesOptions, controls: Controls) {
    this.#options = options;
    this.#controls = controls;
    this.#tags = new Map(findTags(trainingSources()).map((tag) => [tag.name, tag]));
  }

  async open(): Promise<void> {
    const { engines, device, threads } = this.#options;
    for (const engine of engines) {
      try {
        this.#engines.push(await openEngine({ engine, device, ...(threads !== undefined && { threads }) }));
      } catch (error) {
        if (!(error instanceof TouchstoneError) || error.code !== 'E_ENGINE') throw error;
        const why = error.message.replace(/^E_ENGINE: /, '');
        this.#leftOut.push({ engine, why });
        this.#controls.progress.line(`${engine} is left out: ${why}`);
      }
    }
    if (this.#engines.length === 0)
      throw new TouchstoneError(
        'E_ENGINE',
        'no engine is set up',
        engines.join(' or '),
        this.#leftOut[0]?.why,
      );
    if (this.#engines.some((e) => e.device === 'cuda')) this.#gpus = await nvidiaGpus(thisHost());
  }

  async close(): Promise<void> {
    this.#controls.progress.end();
    for (const engine of this.#engines) await engine.close();
  }

  async work(): Promise<void> {
    const { models } = this.#options;
    const units = models.flatMap((model) => this.#engines.map((engine) => ({ model, engine })));
    for (const [i, { model, engine }] of units.entries()) {
      if (this.#controls.signal.aborted) return;
      const batch = batchOf(model, this.#options);
      const site = { engine, model, batch, data: randomImages(model, BATCHES * batch) };
      const beds = new Beds(site);
      try {
        await this.#measure(site, beds, (share) => (i + share) / units.length);
      } catch (error) {
        this.#fail(site, null, error);
      } finally {
        await beds.close();
      }
      this.#done.rows.push(...this.#current.rows);
      this.#done.projections.push(...this.#current.projections);
      this.#current = { rows: [], projections: [] };
    }
  }

  /** Rounds on one network and engine. */
  async #measure(site: Site, beds: Beds, fractionAt: (share: number) => number): Promise<void> {
    const { rounds, seconds, methods: chosen } = this.#options;
    const { signal, onRecord } = this.#controls;
    const started = performance.now();
    const elapsed = () => (performance.now() - started) / 1000;
    this.#steps = beds.recipe('pgd').steps;
    const planned = plan(chosen, beds);
    const jobs = await this.#ready(site, beds, planned, fractionAt(0));
    if (jobs.length === 0) return;
    const expected = Math.min(rounds, Math.max(LEAST_ROUNDS, Math.ceil(seconds / roundSeconds(jobs))));
    for (let i = 0; i < rounds; i++) {
      if (i >= LEAST_ROUNDS && elapsed() > seconds) break;
      let begun = 0;
      await round(jobs, () => {
        const within = Math.min(1, begun++ / jobs.length);
        this.#show(site, `round ${i + 1}`, fractionAt(Math.min(1, (i + within) / expected)));
        return !signal.aborted;
      });
      if (signal.aborted) return;
      const rows = jobs.map((job) => this.#rowOf(site, job, planned));
      this.#current = { rows: withRatios(rows), projections: projectionsOf(chosen, rows, beds) };
      await onRecord?.(this.record('running'));
    }
  }

  /** What can run; what cannot says so here, before others wait for it in every round. */
  async #ready(site: Site, beds: Beds, planned: ReturnType<typeof plan>, fraction: number): Promise<Job[]> {
    const jobs: Job[] = [];
    for (const { work } of planned) {
      if (this.#controls.signal.aborted) return [];
      this.#show(site, `compiling ${workName(work)}`, fraction);
      try {
        jobs.push(await Job.of(beds, work, site));
      } catch (error) {
        this.#fail(site, workName(work), error);
      }
    }
    return jobs;
  }

  #show({ model, engine }: Site, what: string, fraction: number): void {
    this.#controls.progress.update('phases', fraction, `${model}, ${engine.name}, ${what}`);
  }

  #fail({ model, engine }: Site, work: string | null, error: unknown): void {
    const why = (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 300);
    this.#failures.push({ model, engine: engine.name, work, why });
    this.#controls.progress.line(`failed: ${model}, ${engine.name}${work ? `, ${work}` : ''}: ${why}`);
  }

  #rowOf({ model, batch, engine }: Site, job: Job, planned: ReturnType<typeof plan>): Measured {
    const { about, file, line } = this.#tags.get(job.work.phase)!;
    const { forward, backward } = job.passes;
    return {
      ...{ model, batch, engine: engine.name, device: engine.device, ...job.work, about },
      source: `${file}:${line}`,
      methods: planned.find(({ work }) => workName(work) === job.name)!.methods,
      ...{ warmUp: job.warmUp, ...statisticsOf(job.samples), forward, backward },
      samples: [...job.samples],
    };
  }

  /** All that is known now. */
  record(state: PhasesRecord['state']): PhasesRecord {
    const { rounds, seconds } = this.#options;
    return {
      benchmark: 'phases',
      date: new Date().toISOString(),
      tool: tool(),
      machine: machine(),
      versions: Object.assign({}, ...this.#engines.map((e) => e.versions)),
      gpus: this.#gpus,
      threads: this.#engines[0]!.threads,
      ...{ rounds, seconds, steps: this.#steps, state },
      leftOut: this.#leftOut,
      failures: this.#failures,
      rows: [...this.#done.rows, ...this.#current.rows],
      projections: [...this.#done.projections, ...this.#current.projections],
    };
  }
}
