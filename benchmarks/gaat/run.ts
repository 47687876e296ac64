/** GAAT under the lens: trains the runs that are compared, attacks them, and looks at the approximation in their networks. */
import { type DataSet, loadData } from '../../src/data/index.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import type { RunRecord } from '../../src/runs/train-run.ts';
import { type EvaluationRequest, evaluate, isOf } from '../methods/evaluate.ts';
import { VALIDATION_STEPS } from '../methods/jobs.ts';
import { readNotes, writeNotes } from '../methods/notes.ts';
import { common } from '../methods/settings.ts';
import {
  type Controls,
  headOf,
  inPlace,
  type NamedRun,
  namedRuns,
  type Place,
  runOf,
  standingOf,
  workOff,
} from '../runs/runs.ts';
import { claimedSavings } from './claimed.ts';
import { colouredFile } from './digits.ts';
import { imagesLookedAt, lookAt, lookAtZoo, readLooks, STEP_SIZE } from './looks.ts';
import type { GaatOptions } from './options.ts';
import { type GaatRecord, type GaatRun, type Looked, rowsOf } from './record.ts';
import { type GaatSpec, gaatRuns, LOOKED_AT, REACH, STEPS, TWINS, YARDSTICK } from './runs.ts';
import { timedBatches } from './timing.ts';

interface Spec extends Omit<GaatSpec, 'backwards'> {
  /** By the listing; null: only looked at. */
  readonly backwards: number | null;
}
type Run = NamedRun<Spec>;

export interface GaatControls extends Controls {
  /** After every run, with all that is known by then. */
  readonly onRecord?: (record: GaatRecord) => Promise<void>;
}

/** Networks for coloured images get a quarter of the images: they take many times as long. */
const PART = 4;

/** GAAT on another network, on the same digits. */
function colouredSpec(model: string, data: string): Spec {
  const { name, label, options } = gaatRuns.find((r) => r.name === 'gaat')!;
  const channels = (value: number) => [value, value, value];
  return {
    ...{ name: `${name}-${model}`, label: `${label} on ${model}`, about: `on ${model}`, backwards: null },
    options: {
      ...options,
      ...{ model, data, mean: channels(common.mean[0]), std: channels(common.std[0]) },
    },
  };
}

/**
 * @returns the record; a run that cannot be trained is in it with the reason
 * @throws TouchstoneError where the request is wrong, before any work; AbortError at the signal
 */
export async function benchGaat(options: GaatOptions, controls: GaatControls): Promise<GaatRecord> {
  return inPlace(options, async (place) => {
    const runs = await namedRuns(await specsOf(options, place.train), options, VALIDATION_STEPS);
    const bench = new Bench(options, controls, runs, place);
    await bench.work();
    return bench.record();
  });
}

async function specsOf({ models, runs, out }: GaatOptions, train: DataSet): Promise<Spec[]> {
  const coloured = models.length > 0 ? await colouredFile(train, Math.ceil(train.n / PART), out) : undefined;
  return [
    ...gaatRuns.filter(({ name }) => runs.includes(name)),
    ...models.map((model) => colouredSpec(model, coloured!)),
  ];
}

class Bench {
  readonly #options: GaatOptions;
  readonly #controls: GaatControls;
  readonly #runs: readonly Run[];
  readonly #place: Place;
  readonly #request: EvaluationRequest;
  #failures: ReadonlyMap<string, string> = new Map();
  #zoo: Looked[] = [];
  #batches: GaatRecord['batches'] = {};

  constructor(options: GaatOptions, controls: GaatControls, runs: readonly Run[], place: Place) {
    this.#options = options;
    this.#controls = controls;
    this.#runs = runs;
    this.#place = place;
    this.#request = { test: place.test, attacked: options.attacked, seed: options.seed };
  }

  async work(): Promise<void> {
    this.#controls.progress.update('models/zoo', 0);
    this.#zoo = await lookAtZoo(this.#lens(this.#place.train), this.#epsilons);
    this.#failures = await workOff(this.#runs, this.#controls, {
      onEpoch: async (run, { epoch }) => {
        if (this.#isLookedAt(run))
          await this.#look(run, (await standingOf(run)).run!, epoch, [common.epsilon]);
      },
      onTrained: async (run, found) => {
        if (this.#isLookedAt(run)) await this.#look(run, found, run.recipe.epochs, this.#epsilons);
        if (run.spec.backwards !== null) await this.#evaluate(run, found);
      },
      onDone: async (run) => {
        this.#controls.progress.line(`${run.spec.name}: ${(await this.#runOf(run)).state}`);
        await this.#controls.onRecord?.(await this.record());
      },
    });
    await this.#time();
  }

  async #time(): Promise<void> {
    const { progress } = this.#controls;
    progress.update('mini-batches in turn', 0);
    const { engine: name, device, threads, rounds } = this.#options;
    const engine = await openEngine({ engine: name, device, ...(threads !== undefined && { threads }) });
    const compared = this.#runs.filter(
      ({ spec }) => spec.backwards !== null && !this.#failures.has(spec.name),
    );
    try {
      this.#batches = await timedBatches(compared, this.#place.train, engine, rounds);
    } finally {
      await engine.close();
    }
    progress.end();
  }

  /** The radius of training among them. */
  get #epsilons(): number[] {
    return [...new Set([...this.#options.epsilons, common.epsilon])].sort((a, b) => a - b);
  }

  #isLookedAt({ spec }: Run): boolean {
    return spec.backwards === null || LOOKED_AT.includes(spec.name);
  }

  #lens(train: DataSet) {
    return { engine: this.#place.engine, train, seed: this.#options.seed };
  }

  /** The images that a run is trained on. */
  async #imagesOf({ recipe }: Run): Promise<DataSet> {
    return recipe.data === this.#options.data ? this.#place.train : loadData(recipe.data, 'train');
  }

  async #look(
    run: Run,
    { model, recipe }: RunRecord,
    epoch: number,
    epsilons: readonly number[],
  ): Promise<void> {
    this.#controls.progress.update(`${run.spec.name}, looking`, 0);
    const lens = this.#lens(await this.#imagesOf(run));
    await lookAt(lens, run.dir, { epoch, model, classes: recipe.classes }, epsilons);
  }

  async #evaluate(run: Run, found: RunRecord): Promise<void> {
    const notes = await readNotes(run.dir);
    if (notes.evaluation && (await isOf(notes.evaluation, found, this.#request))) return;
    const { progress, signal } = this.#controls;
    const evaluation = await evaluate(found, this.#request, {
      ...{ engine: this.#place.engine, signal },
      onProgress: (stage, fraction) => progress.update(`${run.spec.name}, ${stage}`, fraction),
    });
    await writeNotes(run.dir, { ...notes, evaluation });
  }

  async #runOf(run: Run): Promise<GaatRun> {
    const standing = await standingOf(run);
    const { evaluation: kept } = await readNotes(run.dir);
    const isKept = standing.isTrained && kept !== null && (await isOf(kept, standing.run!, this.#request));
    const evaluation = isKept ? kept : null;
    const failure = standing.failure ?? this.#failures.get(run.spec.name) ?? null;
    const isDone = standing.isTrained && (evaluation !== null || run.spec.backwards === null);
    const state = failure !== null ? 'failed' : isDone ? 'done' : 'pending';
    const { about, backwards } = run.spec;
    return {
      ...runOf(run, { ...standing, failure }, state),
      about,
      backwardsExpected: backwards,
      evaluation,
    };
  }

  async #looked(): Promise<Looked[]> {
    const found: Looked[] = [];
    for (const run of this.#runs.filter((r) => this.#isLookedAt(r))) {
      const { epochs } = await readLooks(run.dir, await this.#imagesOf(run), this.#options.seed);
      const { name: subject, label: about } = run.spec;
      for (const [epoch, at] of Object.entries(epochs))
        found.push({ ...{ subject, about, at }, model: run.recipe.model, epoch: Number(epoch) });
    }
    return [...found, ...this.#zoo];
  }

  async #twins(): Promise<GaatRecord['twins']> {
    const models = new Map<string, RunRecord>();
    for (const run of this.#runs) {
      const { run: found, isTrained } = await standingOf(run);
      if (found && isTrained) models.set(run.spec.name, found);
    }
    return TWINS.map(([a, b]) => {
      const [one, other] = [models.get(a), models.get(b)];
      return { pair: [a, b], largest: one && other ? largestDifference(one, other) : null };
    });
  }

  /** All that is known now. */
  async record(): Promise<GaatRecord> {
    const runs: GaatRun[] = [];
    for (const run of this.#runs) runs.push(await this.#runOf(run));
    return {
      benchmark: 'gaat',
      ...(await headOf(this.#options, this.#runs, this.#place.engine)),
      epsilon: common.epsilon,
      reach: REACH,
      attacked: Math.min(this.#options.attacked, this.#place.test.n),
      lens: { images: imagesLookedAt(this.#place.train), steps: STEPS, stepSize: STEP_SIZE },
      batches: this.#batches,
      runs,
      rows: rowsOf(runs, YARDSTICK, this.#batches),
      twins: await this.#twins(),
      looked: await this.#looked(),
      claims: claimedSavings(),
    };
  }
}

/** Of two networks with the same weights' names. */
export function largestDifference(a: Pick<RunRecord, 'model'>, b: Pick<RunRecord, 'model'>): number {
  let largest = 0;
  for (const [name, { data }] of a.model.initializers) {
    const other = b.model.initializers.get(name)!.data as Float32Array;
    for (const [i, v] of (data as Float32Array).entries())
      largest = Math.max(largest, Math.abs(v - other[i]!));
  }
  return largest;
}
