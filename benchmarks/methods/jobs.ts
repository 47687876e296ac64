/** A method's folder: what is to be trained there, what is there, and whether the two belong together. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { type DataSet, loadData } from '../../src/data/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { machine } from '../../src/io/index.ts';
import { openFolder } from '../../src/runs/run-folder.ts';
import { resolveRecipe } from '../../src/runs/run-options.ts';
import { type RunOptions, type RunRecipe, type RunRecord, readRun } from '../../src/runs/train-run.ts';
import { type Method, type MethodName, methods } from '../../src/train/index.ts';
import { type EvaluationRequest, isOf } from './evaluate.ts';
import { type Notes, readNotes } from './notes.ts';
import type { MethodsOptions } from './options.ts';
import { epochsText, type MeasuredMethod, type MethodEpoch, medianOrNull } from './record.ts';
import { common, settings } from './settings.ts';

/** Steps of the PGD on held-out images: few, as it only shows that a method learns. */
export const VALIDATION_STEPS = 5;

/** A run that is to be in a folder. */
export interface Training {
  /** A training run's folder, with `bench.json` in it. */
  readonly dir: string;
  readonly options: RunOptions;
  readonly recipe: RunRecipe;
}

export interface Job extends Training {
  readonly method: MethodName;
}

/**
 * The work, checked as a whole before any of it is done.
 *
 * @throws E_FILE for a folder in which something else was trained; as `resolveRecipe` does for what cannot be trained
 */
export async function jobsOf(options: MethodsOptions): Promise<{ jobs: Job[]; train: DataSet }> {
  const { data, epochs, seed, limit, engine, device, threads } = options;
  const train = await loadData(data, 'train', limit === undefined ? {} : { limit });
  const jobs = options.methods.map((method): Job => {
    const given: RunOptions = {
      ...common,
      ...settings[method].options,
      ...{ method, data, epochs, seed, engine, device, validationSteps: VALIDATION_STEPS },
      ...(limit !== undefined && { limit }),
      ...(threads !== undefined && { threads }),
    };
    return { method, dir: join(options.out, method), options: given, recipe: resolveRecipe(given, train) };
  });
  for (const job of jobs) await assertSame(job, train);
  return { jobs, train };
}

export const isBegun = ({ dir }: Pick<Training, 'dir'>): Promise<boolean> =>
  fs.pathExists(join(dir, 'run.json'));

/** @throws E_FILE where the folder holds a run with other settings, or from another machine */
export async function assertSame(job: Training, train: DataSet): Promise<void> {
  if (!(await isBegun(job))) return;
  const { run } = await openFolder(job.dir);
  const { cpu, cores } = machine();
  const { engine, device, threads } = job.options;
  const wanted: Record<string, unknown> = {
    ...job.recipe,
    ...{ data: train.sha256.slice(0, 12), engine, cpu, cores },
    ...(device !== 'auto' && { device }),
    ...(threads !== undefined && { threads }),
  };
  const found: Record<string, unknown> = {
    ...run.recipe,
    ...run.machine,
    ...{ data: run.data.sha256.slice(0, 12), engine: run.engine.name },
    ...{ device: run.engine.device, threads: run.engine.threads },
  };
  const other = Object.keys(wanted).filter((k) => JSON.stringify(wanted[k]) !== JSON.stringify(found[k]));
  if (other.length === 0) return;
  const list = (of: Record<string, unknown>) => other.map((k) => `${k} ${JSON.stringify(of[k])}`).join(', ');
  throw new TouchstoneError(
    'E_FILE',
    `${job.dir} was trained with ${list(found)}`,
    list(wanted),
    'name another folder with --out, or remove this one',
  );
}

/** What a folder has to tell. */
export interface Standing {
  readonly measured: MeasuredMethod;
  /** The run, once an epoch of it is over. */
  readonly run: RunRecord | undefined;
  readonly isTrained: boolean;
}

/** @param images trained on in an epoch */
export async function standingOf(job: Job, request: EvaluationRequest, images: number): Promise<Standing> {
  const notes = await readNotes(job.dir);
  const run = (await fs.pathExists(join(job.dir, 'checkpoint.onnx'))) ? await readRun(job.dir) : undefined;
  const epochs = epochsOf(run, notes);
  const isTrained = epochs.length === job.recipe.epochs;
  const { evaluation } = notes;
  const isEvaluated = isTrained && run && evaluation !== null && (await isOf(evaluation, run, request));
  const measured: MeasuredMethod = {
    method: job.method,
    settings: { ...settings[job.method].options } as MeasuredMethod['settings'],
    why: settings[job.method].why ?? null,
    note: noteOf(job, epochs, images),
    state: notes.failure !== null ? 'failed' : isEvaluated ? 'done' : 'pending',
    failure: notes.failure,
    trainedBy: run ? { tool: run.run.tool, versions: run.run.engine.versions } : null,
    epochs,
    evaluation: isEvaluated ? evaluation : null,
  };
  return { measured, run, isTrained };
}

/** The epochs of a run, with the medians of their mini-batches. */
export const epochsOf = (run: RunRecord | undefined, { seconds }: Notes): MethodEpoch[] =>
  (run?.history ?? []).map((e) => ({
    epoch: e.epoch,
    loss: e.loss,
    trainAccuracy: e.trainAccuracy,
    validationAccuracy: e.validationAccuracy,
    validationRobustAccuracy: e.validationRobustAccuracy,
    batches: e.batches,
    forwards: e.forwards,
    backwards: e.backwards,
    forwardPasses: e.forwardPasses,
    backwardPasses: e.backwardPasses,
    seconds: e.seconds,
    timed: seconds[e.epoch]?.length ?? 0,
    medianSeconds: medianOrNull(seconds[e.epoch] ?? []),
  }));

/** What a reader of the row must know: its epochs are fewer or differ, or its passes are over a part of the images. */
function noteOf({ recipe, options }: Job, epochs: readonly MethodEpoch[], images: number): string | null {
  const notes: string[] = [];
  const { epochs: paidFor }: Method = methods[recipe.method];
  const { replays } = recipe;
  if (paidFor)
    notes.push(
      `${epochsText(recipe.epochs)} of ${replays} replays each, ${options.epochs} ÷ ${replays} rounded up`,
    );
  const natural = Math.round(recipe.naturalShare * recipe.epochs);
  if (natural > 0) notes.push(`natural up to epoch ${natural} of ${recipe.epochs}`);
  const sum = (of: (e: MethodEpoch) => number) => epochs.reduce((total, e) => total + of(e), 0);
  const perImage = sum((e) => e.backwards) / (images * epochs.length);
  if (perImage < 0.99 * (sum((e) => e.backwardPasses) / sum((e) => e.batches)))
    notes.push(
      `over fewer and fewer images of a mini-batch: ${perImage.toFixed(1)} backward passes per image`,
    );
  return notes.length > 0 ? notes.join('; ') : null;
}
