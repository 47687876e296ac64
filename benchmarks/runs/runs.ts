/** Named training runs, a folder each: begun, gone on with, and what they have to tell. */
import { join } from 'node:path';
import fs from 'fs-extra';
import type { Progress } from '../../src/cli/progress.ts';
import { type DataSet, loadData } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { machine, tool } from '../../src/io/index.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import { resolveRecipe } from '../../src/runs/run-options.ts';
import { type RunOptions, type RunRecord, readRun } from '../../src/runs/train-run.ts';
import type { EpochRecord } from '../../src/train/index.ts';
import { assertSame, epochsOf, type Training } from '../methods/jobs.ts';
import { readNotes } from '../methods/notes.ts';
import { common } from '../methods/settings.ts';
import { lineOf, stopsAll, trainInFolder } from '../methods/training.ts';
import type { RunsOptions } from './options.ts';
import type { RunEpoch, RunOf } from './record.ts';

/** A run as a benchmark asks for it. */
export interface RunSpec {
  /** Of its folder. */
  readonly name: string;
  readonly label: string;
  /** Over what all runs of benchmarks share (`benchmarks/methods/settings.ts`). */
  readonly options: RunOptions;
}

export interface NamedRun<Spec extends RunSpec = RunSpec> extends Training {
  readonly spec: Spec;
}

/** Settings that are a matter of the whole benchmark. */
const WHOLE = ['method', 'data', 'epochs', 'limit', 'validationSteps'];

/** What a run is told beside what all share. */
export const settingsOf = ({ options }: RunSpec): RunOf['settings'] =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !WHOLE.includes(name)));

/** What all runs share; the data may be others. */
export const { data: _, ...shared } = common;

/**
 * The runs, checked before any of them begins.
 *
 * @param validationSteps of the PGD on held-out images
 * @throws E_FILE for a folder in which something else was trained; as `resolveRecipe` does for what cannot be trained
 */
export async function namedRuns<Spec extends RunSpec>(
  specs: readonly Spec[],
  { data, epochs, seed, limit, engine, device, threads, out }: RunsOptions,
  validationSteps: number,
): Promise<NamedRun<Spec>[]> {
  const images = new Map<string, Promise<DataSet>>();
  const imagesOf = (options: RunOptions): Promise<DataSet> => {
    const key = `${options.data} ${options.limit}`;
    const found = images.get(key) ?? loadData(options.data!, 'train', limitOf(options));
    images.set(key, found);
    return found;
  };
  const runs: NamedRun<Spec>[] = [];
  for (const spec of specs) {
    const options: RunOptions = {
      ...shared,
      ...{ data, epochs, seed, engine, device, validationSteps },
      ...(limit !== undefined && { limit }),
      ...(threads !== undefined && { threads }),
      ...spec.options,
    };
    const train = await imagesOf(options);
    const run = { spec, dir: join(out, spec.name), options, recipe: resolveRecipe(options, train) };
    await assertSame(run, train);
    runs.push(run);
  }
  return runs;
}

const limitOf = ({ limit }: RunOptions) => (limit === undefined ? {} : { limit });

/** What a folder has to tell. */
export interface RunStanding {
  /** Once an epoch of it is over. */
  readonly run: RunRecord | undefined;
  readonly epochs: readonly RunEpoch[];
  readonly isTrained: boolean;
  readonly failure: string | null;
}

export async function standingOf({ dir, recipe }: Training): Promise<RunStanding> {
  const notes = await readNotes(dir);
  const run = (await fs.pathExists(join(dir, 'checkpoint.onnx'))) ? await readRun(dir) : undefined;
  const epochs = epochsOf(run, notes).map((epoch, i): RunEpoch => {
    const { flipRate, residual, gradientL1, replays, attackSteps, stepSize } = run!.history[i]!;
    return { ...epoch, flipRate, residual, gradientL1, replays, attackSteps, stepSize };
  });
  return { run, epochs, isTrained: epochs.length === recipe.epochs, failure: notes.failure };
}

/** A run as a record has it. */
export const runOf = (
  { spec, recipe }: NamedRun,
  { epochs, failure }: RunStanding,
  state: RunOf['state'],
): RunOf => ({
  ...{ name: spec.name, label: spec.label, method: recipe.method, settings: settingsOf(spec) },
  ...{ state, failure, epochs: [...epochs] },
});

export interface Controls {
  readonly progress: Progress;
  /** Stops after the mini-batch under way; the same request goes on from there. */
  readonly signal: AbortSignal;
}

interface Steps<Spec extends RunSpec> {
  /** After each epoch, when its checkpoint is on the disk. */
  onEpoch?(run: NamedRun<Spec>, record: EpochRecord): Promise<void>;
  /** When it is trained: what is to be found out about it. */
  onTrained?(run: NamedRun<Spec>, found: RunRecord): Promise<void>;
  /** Whatever came of it. */
  onDone?(run: NamedRun<Spec>): Promise<void>;
}

/**
 * Trains each to its end; what is trained is not trained again. One that fails leaves its reason, the others go on.
 *
 * @returns the reasons of this time's failures, by name
 * @throws AbortError at the signal, with all saved; what is wrong with the disk or the data
 */
export async function workOff<Spec extends RunSpec>(
  runs: readonly NamedRun<Spec>[],
  { progress, signal }: Controls,
  steps: Steps<Spec>,
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const [i, run] of runs.entries()) {
    const label = `${run.spec.name} (${i + 1}/${runs.length})`;
    try {
      const before = await standingOf(run);
      if (before.failure !== null) continue; // it diverges, and would again
      if (!before.isTrained)
        await trainInFolder(run, {
          ...{ data: run.options.data!, signal },
          onNotice: (line) => progress.line(line),
          onEpoch: (record) => steps.onEpoch?.(run, record),
          onProgress: (p) =>
            progress.update(
              label,
              (p.epoch - 1 + p.batch / p.batches) / p.epochs,
              `epoch ${p.epoch}/${p.epochs} · loss ${p.loss.toFixed(3)}`,
            ),
        });
      signal.throwIfAborted();
      await steps.onTrained?.(run, (await standingOf(run)).run!);
    } catch (error) {
      if (signal.aborted || stopsAll(error)) throw error;
      failures.set(run.spec.name, lineOf(error));
    } finally {
      progress.end();
    }
    await steps.onDone?.(run);
  }
  return failures;
}

/** What a benchmark of runs works on and looks with. */
export interface Place {
  readonly train: DataSet;
  readonly test: DataSet;
  /** That attacks and looks at checkpoints, beside those that train. */
  readonly engine: Engine;
}

/** Does the work with the engine open, and closes it whatever comes of it. */
export async function inPlace<T>(options: RunsOptions, work: (place: Place) => Promise<T>): Promise<T> {
  const { data, device, threads } = options;
  const train = await loadData(data, 'train', limitOf(options));
  const test = await loadData(data, 'test');
  const engine = await openEngine({
    engine: 'onnxruntime',
    device,
    ...(threads !== undefined && { threads }),
  });
  try {
    return await work({ train, test, engine });
  } finally {
    await engine.close();
  }
}

/** What a record of runs begins with. */
export async function headOf(options: RunsOptions, runs: readonly NamedRun[], looks: Engine) {
  const [first] = runs;
  const { data, epochs, seed, engine, device } = options;
  const train = await loadData(data, 'train', limitOf(options));
  const began = (await Promise.all(runs.map(async (run) => (await standingOf(run)).run))).find((r) => r);
  const { validation, validationSteps } = first!.recipe;
  return {
    date: new Date().toISOString(),
    tool: tool(),
    machine: machine(),
    versions: { ...looks.versions, ...began?.run.engine.versions },
    training: {
      engine,
      device: began?.run.engine.device ?? (device === 'auto' ? looks.device : device),
      threads: began?.run.engine.threads ?? looks.threads,
      ...{ epochs, seed, validation, validationSteps, images: train.n - validation },
      data: { name: train.name, sha256: train.sha256 },
      common: shared,
    },
  };
}
