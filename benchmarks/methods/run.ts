/** Trains each method in a folder of its own and attacks what came of it. What is there already is not done again. */
import { formatDuration, type Progress } from '../../src/cli/progress.ts';
import { type DataSet, loadData } from '../../src/data/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { machine, tool } from '../../src/io/index.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import { openFolder } from '../../src/runs/run-folder.ts';
import type { RunRecord } from '../../src/runs/train-run.ts';
import { attackParameters, type EvaluationRequest, evaluate } from './evaluate.ts';
import { isBegun, type Job, jobsOf, type Standing, standingOf, VALIDATION_STEPS } from './jobs.ts';
import { readNotes, writeNotes } from './notes.ts';
import type { MethodsOptions } from './options.ts';
import { type MethodsRecord, rowsOf } from './record.ts';
import { common } from './settings.ts';
import { lineOf, stopsAll, trainInFolder } from './training.ts';

/** What all methods share; the data may be others. */
const { data: _, ...shared } = common;

export interface BenchControls {
  readonly progress: Progress;
  /** Stops after the mini-batch under way; the same request goes on from there. */
  readonly signal: AbortSignal;
  /** After every method, with all that is known by then. */
  readonly onRecord?: (record: MethodsRecord) => Promise<void>;
}

/**
 * @returns the record; a method that cannot be trained is in it with the reason
 * @throws TouchstoneError where the request is wrong, before any work; AbortError at the signal
 */
export async function benchMethods(options: MethodsOptions, controls: BenchControls): Promise<MethodsRecord> {
  const { jobs, train } = await jobsOf(options);
  const test = await loadData(options.data, 'test');
  const bench = new Bench(options, controls, jobs, train, test);
  await bench.look();
  await bench.work();
  return bench.record();
}

class Bench {
  readonly #options: MethodsOptions;
  readonly #controls: BenchControls;
  readonly #jobs: readonly Job[];
  readonly #train: DataSet;
  readonly #test: DataSet;
  readonly #request: EvaluationRequest;
  readonly #standings = new Map<Job, Standing>();
  /** Seconds of each method that was worked on. */
  readonly #spent: number[] = [];

  constructor(
    options: MethodsOptions,
    controls: BenchControls,
    jobs: readonly Job[],
    train: DataSet,
    test: DataSet,
  ) {
    this.#options = options;
    this.#controls = controls;
    this.#jobs = jobs;
    this.#train = train;
    this.#test = test;
    this.#request = { test, attacked: options.attacked, seed: options.seed };
  }

  get #left(): Job[] {
    return this.#jobs.filter((job) => this.#standing(job).measured.state === 'pending');
  }

  #standing(job: Job): Standing {
    return this.#standings.get(job)!;
  }

  /** Images of an epoch. */
  get #images(): number {
    return this.#train.n - this.#jobs[0]!.recipe.validation;
  }

  async #read(job: Job): Promise<Standing> {
    const standing = await standingOf(job, this.#request, this.#images);
    this.#standings.set(job, standing);
    return standing;
  }

  /** What is there. */
  async look(): Promise<void> {
    for (const job of this.#jobs) await this.#read(job);
    // An engine that is not set up fails here, once, and not in every method.
    if (this.#left.some((job) => !this.#standing(job).isTrained))
      await (await openEngine(this.#engineRequest(this.#options.engine))).close();
  }

  #engineRequest(engine: string) {
    const { device, threads } = this.#options;
    return { engine, device, ...(threads !== undefined && { threads }) };
  }

  async work(): Promise<void> {
    const { progress, onRecord, signal } = this.#controls;
    for (const job of this.#left) {
      const started = performance.now();
      try {
        await this.#trainOne(job);
        await this.#evaluateOne(job);
      } catch (error) {
        if (signal.aborted || stopsAll(error)) throw error;
        this.#fail(job, error);
      } finally {
        progress.end();
      }
      this.#spent.push((performance.now() - started) / 1000);
      progress.line(`${this.#label(job)}: ${this.#summary(job)}`);
      await onRecord?.(await this.record());
    }
  }

  #fail(job: Job, error: unknown): void {
    const failure = lineOf(error);
    const standing = this.#standing(job);
    this.#standings.set(job, { ...standing, measured: { ...standing.measured, state: 'failed', failure } });
  }

  async #trainOne(job: Job): Promise<void> {
    if (this.#standing(job).isTrained) return;
    const { signal, progress } = this.#controls;
    const { data } = this.#options;
    try {
      await trainInFolder(job, {
        ...{ data, signal },
        onNotice: (line) => progress.line(line),
        onProgress: (p) => {
          const facts = [
            `epoch ${p.epoch}/${p.epochs}`,
            `loss ${p.loss.toFixed(3)}`,
            `accuracy ${percent(p.accuracy)}`,
            ...this.#timeLeft(p.secondsLeft),
          ];
          const done = (p.epoch - 1 + p.batch / p.batches) / p.epochs;
          progress.update(this.#label(job), done, facts.join(' · '), { timeLeft: false });
        },
      });
    } finally {
      await this.#read(job);
    }
    signal.throwIfAborted();
  }

  async #evaluateOne(job: Job): Promise<void> {
    const { run } = this.#standing(job);
    const engine = await openEngine(this.#engineRequest('onnxruntime'));
    try {
      const { progress, signal } = this.#controls;
      const evaluation = await evaluate(run as RunRecord, this.#request, {
        engine,
        signal,
        onProgress: (stage, fraction) =>
          progress.update(`${this.#label(job)}, ${stage}`, fraction, this.#timeLeft(0).join(' · ')),
      });
      await writeNotes(job.dir, { ...(await readNotes(job.dir)), evaluation });
    } finally {
      await engine.close();
    }
    await this.#read(job);
  }

  #label(job: Job): string {
    return `${job.method} (${this.#jobs.indexOf(job) + 1}/${this.#jobs.length})`;
  }

  /** Of this method, and of all: the others are taken to last as long as those before. */
  #timeLeft(ofThis: number): string[] {
    const later = this.#left.length - 1;
    const mean = this.#spent.reduce((a, b) => a + b, 0) / this.#spent.length;
    const own = ofThis > 0 ? [`${formatDuration(ofThis)} left`] : [];
    if (later === 0 || this.#spent.length === 0) return own;
    return [...own, `about ${formatDuration(ofThis + mean * later)} for all`];
  }

  #summary(job: Job): string {
    const { measured } = this.#standing(job);
    if (measured.state === 'failed') return `failed: ${measured.failure}`;
    const [row] = rowsOf([measured], job.recipe.epsilon);
    const { natural, robust, backwardsPerBatch, steadySeconds } = row!;
    return [
      `natural ${percent(natural!)}`,
      `PGD-100 ${percent(robust!['pgd-100'])}`,
      `#BP ${backwardsPerBatch!.toFixed(1)}`,
      `${steadySeconds!.toFixed(1)} s`,
    ].join(', ');
  }

  /** All that is known now. */
  async record(): Promise<MethodsRecord> {
    const methods = this.#jobs.map((job) => this.#standing(job).measured);
    const { recipe } = this.#jobs[0]!;
    const test = this.#test;
    const nameOf = ({ name, sha256 }: DataSet) => ({ name, sha256 });
    return {
      benchmark: 'methods',
      date: new Date().toISOString(),
      tool: tool(),
      machine: machine(),
      training: {
        ...(await this.#engine()),
        epochs: this.#options.epochs,
        images: this.#images,
        validation: recipe.validation,
        validationSteps: VALIDATION_STEPS,
        seed: this.#options.seed,
        data: nameOf(this.#train),
        common: shared,
      },
      attacks: {
        engine: 'onnxruntime',
        norm: 'linf',
        epsilon: recipe.epsilon,
        data: { ...nameOf(test), n: test.n },
        attacked: Math.min(this.#options.attacked, test.n),
        parameters: attackParameters(recipe.epsilon),
      },
      methods,
      rows: rowsOf(methods, recipe.epsilon),
    };
  }

  /** What trained, by the first run that there is. */
  async #engine(): Promise<{ engine: string; device: string; threads: number }> {
    for (const job of this.#jobs) {
      if (!(await isBegun(job))) continue;
      const { name: engine, device, threads } = (await openFolder(job.dir)).run.engine;
      return { engine, device, threads };
    }
    throw new TouchstoneError('E_FILE', `no run in ${this.#options.out}`, 'those that were begun');
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
