/**
 * What an experiment would take: passes that can be told beforehand, times what one pass takes on this machine, which is measured for some
 * seconds per network. Projected, never measured. Checks, and what is broken early, are left out of it.
 */
import { firstImages } from '../../data/index.ts';
import type { Engine } from '../../engine/index.ts';
import { CURVE_STEPS, engineClassifier, inspect, type Subject } from '../../eval/index.ts';
import { type Model, toModel } from '../../graph/index.ts';
import { readModelFile } from '../../io/index.ts';
import { CURVE } from '../../runs/audit-job.ts';
import { stagesOf } from '../../runs/audit-stages.ts';
import type { RunRecipe } from '../../runs/run-options.ts';
import { builtTrainee } from '../../runs/trainee.ts';
import type { JobKind, MergeJob } from '../jobs.ts';
import type { ExperimentPlan, PlannedCell } from '../plan.ts';
import type { PlannedJob } from '../scheduler.ts';
import type { Source } from '../sources.ts';
import { add, attackPasses, NONE, type Passes, runPasses } from './passes.ts';
import { least, type Seconds, timePasses } from './timing.ts';

export interface Projection {
  /** Seconds of each job, by its id, on one worker. */
  readonly seconds: ReadonlyMap<string, number>;
  /** By kind: how many jobs, and their seconds together. */
  readonly kinds: Readonly<Record<JobKind, { readonly jobs: number; readonly seconds: number }>>;
  /** On so many workers, at the least. */
  readonly wall: number;
  /** Spent on the timing itself. */
  readonly timed: number;
}

/** Images that audits are timed on. */
const TIMED_IMAGES = 128;
/** Beside the attacks: the clean image, the verifier's look at what broke it, alone and among others, and the last. */
const LOOKS: Passes = { forwards: 4, gradients: 0, updates: 0 };
/** Images of the export's proof, before and after. */
const PROOF_PASSES = 512;

/**
 * @param engine with the threads of one worker
 * @param done ids of jobs that need not be done any more
 */
export async function project(
  plan: ExperimentPlan,
  engine: Engine,
  { workers, done = new Set() }: { readonly workers: number; readonly done?: ReadonlySet<string> },
): Promise<Projection> {
  const started = performance.now();
  const clock = new Clock(plan, engine);
  const jobs = new Map(plan.jobs.map((job) => [job.id, job]));
  const seconds = new Map<string, number>();
  for (const cell of plan.cells) {
    const rates = await clock.ratesOf(cell);
    for (const id of [cell.train, cell.export, ...cell.shards, cell.merge])
      if (id !== null && !done.has(id) && !seconds.has(id))
        seconds.set(id, secondsOf(jobs.get(id)!, cell, rates, plan.sources.data.get(cell.data)!));
  }
  const kinds = { train: none(), export: none(), shard: none(), merge: none() };
  for (const [id, value] of seconds) {
    const kind = kinds[jobs.get(id)!.job.kind];
    kind.jobs += 1;
    kind.seconds += value;
  }
  const all = [...seconds.values()].reduce((a, b) => a + b, 0);
  const wall = Math.max(all / workers, longestWay(plan, seconds));
  return { seconds, kinds, wall, timed: (performance.now() - started) / 1000 };
}

const none = () => ({ jobs: 0, seconds: 0 });

/** No number of workers is faster than one cell after its own needs. */
function longestWay({ jobs }: ExperimentPlan, seconds: ReadonlyMap<string, number>): number {
  const ends = new Map<string, number>();
  let longest = 0;
  for (const { id, needs } of jobs) {
    let begin = 0;
    for (const need of needs) begin = Math.max(begin, ends.get(need) ?? 0);
    const end = begin + (seconds.get(id) ?? 0);
    ends.set(id, end);
    longest = Math.max(longest, end);
  }
  return longest;
}

/** What a pass of a cell takes. */
interface Rates {
  /** Of a mini-batch; null for a checkpoint. */
  readonly run: Seconds | null;
  /** Of an image. */
  readonly image: Pick<Seconds, 'forward' | 'gradient'>;
  /** Of an image under all attacks and the ε curve. */
  readonly audit: Passes;
}

const spent = ({ forwards, gradients, updates }: Passes, s: Seconds): number =>
  forwards * s.forward + gradients * s.gradient + updates * s.update;

function secondsOf(
  { job }: PlannedJob,
  cell: PlannedCell,
  { run, image, audit }: Rates,
  { test }: Source,
): number {
  const perImage = { ...image, update: 0 };
  switch (job.kind) {
    case 'train':
      return run && cell.recipe ? spent(runPasses(cell.recipe, cell.images), run) : 0;
    case 'export':
      return PROOF_PASSES * image.forward;
    case 'shard':
      return (job.limit / job.of) * spent(audit, perImage);
    case 'merge':
      return test.n * image.forward;
  }
}

/** Times what cells share once. */
class Clock {
  readonly #plan: ExperimentPlan;
  readonly #engine: Engine;
  readonly #runs = new Map<string, Promise<Seconds>>();
  readonly #images = new Map<string, Promise<Pick<Rates, 'image' | 'audit'>>>();

  constructor(plan: ExperimentPlan, engine: Engine) {
    this.#plan = plan;
    this.#engine = engine;
  }

  async ratesOf(cell: PlannedCell): Promise<Rates> {
    const source = this.#plan.sources.data.get(cell.data)!;
    const { recipe, subject } = cell;
    const run = recipe
      ? await once(this.#runs, `${cell.model} ${cell.data} ${recipe.batchSize}`, () =>
          timePasses(recipe, source, this.#engine),
        )
      : null;
    const name = recipe ? cell.model : `file ${cell.method}`;
    const rest = await once(this.#images, `${name} ${cell.data}`, async () => {
      const file = subject.kind === 'checkpoint' ? this.#plan.blobs.get(blobOf(this.#plan, cell)) : undefined;
      const model = file === undefined ? modelOf(recipe!, source) : (await readModelFile(file)).model;
      return timeAudit(model, source, this.#plan, this.#engine);
    });
    return { run, ...rest };
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}

function blobOf({ jobs }: ExperimentPlan, cell: PlannedCell): string {
  const { model } = jobs.find(({ id }) => id === cell.merge)!.job as MergeJob;
  return 'blob' in model ? model.blob : '';
}

/** An architecture as it begins: it takes as long as when it is trained. */
const modelOf = (recipe: RunRecipe, { test }: Source): Model =>
  toModel(builtTrainee(recipe, test.shape).graph, new Map());

async function timeAudit(
  model: Model,
  { test }: Source,
  { experiment: { audit } }: ExperimentPlan,
  engine: Engine,
): Promise<Pick<Rates, 'image' | 'audit'>> {
  const subject: Subject = inspect(model, { image: test.shape });
  const { classes } = subject.card;
  const threat = { norm: audit.norm, epsilon: 1 } as const;
  const { stages } = stagesOf({ attacks: audit.attacks, parameters: audit.parameters, threat }, subject.card);
  const classifier = engineClassifier(engine, subject.graph, { classes });
  const { x: data, y, shape } = firstImages(test, TIMED_IMAGES);
  const x = { data, shape };
  const image = {
    forward: (await least(() => classifier.logits(x))) / y.length,
    gradient: (await least(() => classifier.gradient('ce', x, y))) / y.length,
  };
  const curve: Passes = { forwards: CURVE.length, gradients: CURVE.length * CURVE_STEPS, updates: 0 };
  const attacks = stages.map((stage) => attackPasses(stage, classes)).reduce(add, NONE);
  return { image, audit: [attacks, curve, LOOKS].reduce(add) };
}
