/** Training runs on disk: begun, interrupted, resumed. */
import { basename, join } from 'node:path';
import { augment, batch, type DataSet, loadData } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { writeModel } from '../graph/index.ts';
import { machine, readModelFile, sha256, tool } from '../io/index.ts';
import { key } from '../random/index.ts';
import {
  type EpochRecord,
  methods,
  type Progress,
  type Sample,
  type Samples,
  type Snapshot,
  schedules,
  type TrainEnd,
  type TrainOptions,
  train,
} from '../train/index.ts';
import { initialModel } from './initial-model.ts';
import { type EngineRequest, openEngine } from './open-engine.ts';
import {
  assertFree,
  createFolder,
  loadState,
  openFolder,
  type RunFile,
  type RunFolder,
  saveState,
  saveViews,
  sweep,
} from './run-folder.ts';
import {
  type InitialFile,
  namesOf,
  type RunOptions,
  type RunRecipe,
  resolveRecipe,
  withRecipe,
} from './run-options.ts';
import { builtTrainee, companionOf, initialTrainee, type Trainee } from './trainee.ts';

export { type RunFile, type RunRecord, readRun } from './run-folder.ts';
export type { RunOptions, RunRecipe } from './run-options.ts';

export interface RunControls {
  /** After every mini-batch. */
  readonly onProgress?: (progress: Progress) => void;
  /** After every epoch, when its state is on the disk. What it returns is waited for. */
  readonly onEpoch?: (record: EpochRecord) => unknown;
  /** What a person should know, a line each. */
  readonly onNotice?: (line: string) => void;
  /** Stops after the mini-batch under way, when the state is on the disk. */
  readonly signal?: AbortSignal;
  /** The caller's own way to open an engine. The run closes it. @default by name */
  readonly openEngine?: (request: EngineRequest) => Promise<Engine>;
}

export interface RunOutcome {
  /** `stopped`: by early stopping; `interrupted`: by the signal, to be resumed. */
  readonly end: TrainEnd;
  readonly dir: string;
  readonly recipe: RunRecipe;
  readonly history: readonly EpochRecord[];
  /** The path of the model; it is there once an epoch is over. */
  readonly checkpoint: string;
}

/**
 * Trains into a new folder. Everything is checked before anything is written.
 *
 * @throws TouchstoneError E_FILE where the folder is not empty; E_OPTION, E_RANGE, E_SHAPE, E_LABELS for settings that are
 * wrong or do not fit the data; E_RANGE where training diverges; E_WRITE
 */
export async function startRun(
  options: RunOptions & { readonly out: string },
  controls: RunControls & DataOptions = {},
): Promise<RunOutcome> {
  const wanted = withRecipe(options);
  const { data: spec } = namesOf(wanted);
  await assertFree(options.out);
  const data = await loadData(
    controls.data ?? spec,
    'train',
    wanted.limit === undefined ? {} : { limit: wanted.limit },
  );
  if (controls.dataSha256 !== undefined)
    assertData(data, controls.dataSha256, 'as it was planned', 'bring the data that the experiment names');
  const initial = wanted.init === undefined ? undefined : await readInitial(wanted.init, data);
  const recipe = resolveRecipe(wanted, data, initial);
  const { engine: name = 'auto', device = 'auto', threads } = wanted;
  const engine = await (controls.openEngine ?? openEngine)({
    engine: name,
    device,
    ...(threads !== undefined && { threads }),
  });
  try {
    const run: RunFile = {
      schema: 'touchstone-run/1',
      recipe,
      data: { name: data.name, split: data.split, sha256: data.sha256, n: data.n, shape: [...data.shape] },
      engine: {
        name: engine.name,
        device: engine.device,
        threads: engine.threads,
        versions: { ...engine.versions },
      },
      tool: tool(),
      machine: { ...machine() },
    };
    const folder = await createFolder(options.out, run, initial?.bytes);
    return await go(folder, data, engine, controls);
  } finally {
    await engine.close();
  }
}

export interface DataOptions {
  /** Where the data is on this machine, where that is not what the run calls it. It must be the same data. @default as the run calls it */
  readonly data?: string;
  /** What a new run's must be; a resumed one's is what it began with. @default anything */
  readonly dataSha256?: string;
}

/** @throws E_DATA */
function assertData({ sha256: got }: DataSet, wanted: string, why: string, remedy: string): void {
  if (got === wanted) return;
  throw new TouchstoneError(
    'E_DATA',
    `the data has SHA-256 ${got.slice(0, 12)}…`,
    `${wanted.slice(0, 12)}…, ${why}`,
    remedy,
  );
}

/**
 * Goes on with a run, bit for bit where it stopped (on the same machine and versions). A finished run stays as it is.
 *
 * @throws TouchstoneError E_FILE where there is no run or its run.json was changed; E_DATA where the data is not what the run
 * began with, or the state is damaged; else as {@link startRun}
 */
export async function resumeRun(dir: string, controls: RunControls & DataOptions = {}): Promise<RunOutcome> {
  const folder = await openFolder(dir);
  const { recipe, data: began, engine: had } = folder.run;
  const from = await loadState(folder);
  const data = await loadData(
    controls.data ?? recipe.data,
    'train',
    recipe.limit === null ? {} : { limit: recipe.limit },
  );
  assertData(
    data,
    began.sha256,
    'with which the run began',
    'restore the data (--data DIR if it moved), or start a new run',
  );
  const engine = await (controls.openEngine ?? openEngine)({
    engine: had.name,
    device: had.device,
    threads: had.threads,
  });
  try {
    for (const [name, version] of Object.entries(had.versions)) {
      const now = engine.versions[name];
      if (now !== version)
        controls.onNotice?.(
          `the run began with ${name} ${version}, now it is ${now ?? 'another engine'}: the weights may differ`,
        );
    }
    await sweep(dir);
    return await go(folder, data, engine, controls, from);
  } finally {
    await engine.close();
  }
}

async function go(
  folder: RunFolder,
  data: DataSet,
  engine: Engine,
  controls: RunControls,
  from?: Snapshot,
): Promise<RunOutcome> {
  const { dir, run } = folder;
  const trainee =
    run.recipe.init === null
      ? builtTrainee(run.recipe, data.shape)
      : await initialTrainee(dir, run.recipe, data, engine);
  // The views of the last whole epoch, in case a process was killed before it wrote them.
  if (from && from.cursor.epoch > 0 && from.cursor.batch === 0) await saveViews(folder, trainee, from);
  const events = train({
    ...trainOptionsOf(run.recipe, data, trainee),
    engine,
    signal: controls.signal,
    from,
  });
  let history = from?.history ?? [];
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done)
        return { end: value, dir, recipe: run.recipe, history, checkpoint: join(dir, 'checkpoint.onnx') };
      if (value.kind === 'batch') controls.onProgress?.(value.progress);
      else {
        await saveState(folder, value.snapshot);
        if (value.kind === 'interrupted') continue;
        await saveViews(folder, trainee, value.snapshot);
        history = value.snapshot.history;
        await controls.onEpoch?.(value.record);
      }
    }
  } finally {
    await events.return('interrupted');
  }
}

/** A file to go on from, with a copy for the run's folder. @throws as `readModelFile` and {@link initialModel} do */
async function readInitial(path: string, data: DataSet): Promise<InitialFile & { bytes: Uint8Array }> {
  const { model } = await readModelFile(path);
  const { classes } = initialModel(model, data.shape);
  const bytes = writeModel(model);
  return { name: basename(path), sha256: sha256(bytes), classes, bytes };
}

/** What a run with these settings asks of `train`. */
export function trainOptionsOf(
  recipe: RunRecipe,
  data: DataSet,
  trainee: Trainee,
): Omit<TrainOptions, 'engine'> {
  const { epsilon, schedule, validation } = recipe;
  const companion = companionOf(recipe, data.shape);
  const trained = data.n - validation;
  return {
    model: trainee.graph,
    ...(trainee.parameters && { parameters: trainee.parameters }),
    method: methods[recipe.method],
    ...(companion && { companion }),
    data: part(data, 0, trained),
    ...(validation > 0 && { validation: part(data, trained, validation) }),
    ...(recipe.augment && { augment: augmented }),
    settings: {
      ...recipe,
      threat: { norm: 'linf', epsilon },
      options: recipe,
      schedule: schedules[schedule](recipe),
    },
    key: key(recipe.seed).fold('train'),
  };
}

/** `n` images of a data set, from `first` on. */
const part = (data: DataSet, first: number, n: number): Samples => ({
  n,
  batch(indices) {
    const { x, y, shape } = batch(
      data,
      Uint32Array.from(indices, (i) => first + i),
    );
    return { x: { data: x, shape }, y };
  },
});

const augmented: NonNullable<TrainOptions['augment']> = ({ x, y }, own): Sample => {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const { x: pixels, shape } = augment({ x: x.data, y, shape: [n, c, h, w] }, own);
  return { x: { data: pixels, shape }, y };
};
