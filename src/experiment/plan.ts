/** From an experiment to jobs: everything is read and checked here, before any work. */
import { TouchstoneError } from '../errors.ts';
import { attackNames } from '../runs/audit-stages.ts';
import { type RunOptions, type RunRecipe, resolveRecipe, withRecipe } from '../runs/run-options.ts';
import { type Cell, cellsOf, type Training, titleOf } from './cells.ts';
import { nameOf } from './execute/data.ts';
import {
  type DataRef,
  type ExportJob,
  type Job,
  jobId,
  jobVersion,
  type MergeJob,
  type ModelRef,
  needsOf,
  shardsOf,
  type TrainJob,
} from './jobs.ts';
import type { ExperimentFile } from './read.ts';
import type { Plan, PlannedJob } from './scheduler.ts';
import type { Experiment } from './schema.ts';
import { openSources, type Source, type Sources } from './sources.ts';
import { blobKey, type Store } from './store.ts';

/** A cell, with its jobs by their ids. */
export interface PlannedCell extends Cell {
  /** Of the run that it trains; null for a checkpoint. */
  readonly train: string | null;
  readonly export: string | null;
  readonly shards: readonly string[];
  readonly merge: string;
  /** Every setting of its run. */
  readonly recipe: RunRecipe | null;
  /** Training images of an epoch; 0 for a checkpoint. */
  readonly images: number;
}

export interface ExperimentPlan extends Plan {
  readonly experiment: Experiment;
  readonly cells: readonly PlannedCell[];
  /** What was read for it. */
  readonly sources: Sources;
  /** Files of this machine that the store must have, by their hashes. */
  readonly blobs: ReadonlyMap<string, string>;
}

/** More would not fit into a queue or a person's patience. */
const MOST_JOBS = 2_000_000;

/**
 * Reads all data and checkpoints, and settles all cells.
 *
 * @throws TouchstoneError naming the place in the file that is wrong
 */
export async function planExperiment({ experiment, folder }: ExperimentFile): Promise<ExperimentPlan> {
  const { audit } = experiment;
  const cells = cellsOf(experiment);
  if (cells.length * (audit.shards + 3) > MOST_JOBS)
    throw new TouchstoneError(
      'E_OPTION',
      `${cells.length} cells of ${audit.shards} shards`,
      `${MOST_JOBS.toLocaleString('en')} jobs at most`,
      'cut it into several experiments',
    );
  attackNames({ attacks: audit.attacks, threat: { norm: audit.norm, epsilon: cells[0]!.epsilon } });
  const sources = await openSources(experiment, folder);
  const jobs = new Map<string, PlannedJob & { cells: string[] }>();
  const planned: PlannedCell[] = [];
  for (const cell of cells) planned.push(await planCell(cell, experiment, sources, jobs));
  return {
    name: experiment.name,
    ...{ experiment, sources },
    cells: planned,
    jobs: [...jobs.values()],
    data: sources.specs,
    blobs: sources.blobs,
  };
}

type Jobs = Map<string, PlannedJob & { cells: string[] }>;

/** Adds a job, once. Returns its id. */
function add(jobs: Jobs, job: Job, cell: Cell): string {
  const id = jobId(job);
  const known = jobs.get(id);
  if (known) {
    if (known.cells.at(-1) !== cell.id) known.cells.push(cell.id);
  } else jobs.set(id, { id, job, needs: needsOf(job), title: titleOf(cell), cells: [cell.id] });
  return id;
}

async function planCell(
  cell: Cell,
  experiment: Experiment,
  sources: Sources,
  jobs: Jobs,
): Promise<PlannedCell> {
  const source = sources.data.get(cell.data)!;
  const { subject } = cell;
  try {
    if (subject.kind === 'checkpoint') {
      const model = { blob: (await sources.checkpoint(subject, source)).sha256 };
      const audit = addAudit(jobs, cell, experiment, source, model);
      return { ...cell, ...audit, train: null, export: null, recipe: null, images: 0 };
    }
    const { options, recipe, train } = await settled(subject, source);
    const trainJob: TrainJob = {
      ...common('train'),
      settings: options,
      data: { ...source.ref, train: train.sha256, test: source.test.sha256 },
      engine: experiment.engine,
    };
    const trained = add(jobs, trainJob, cell);
    const exportJob: ExportJob = { ...common('export'), train: trained };
    const exported = add(jobs, exportJob, cell);
    const audit = addAudit(jobs, cell, experiment, source, { export: exported });
    return {
      ...cell,
      ...audit,
      train: trained,
      export: exported,
      recipe,
      images: train.n - recipe.validation,
    };
  } catch (error) {
    if (!(error instanceof TouchstoneError)) throw error;
    throw new TouchstoneError(error.code, `${cell.origin}: ${error.got}`, error.expected, error.remedy, {
      cause: error,
    });
  }
}

const common = <K extends Job['kind']>(kind: K) => ({
  schema: 'touchstone-job/1' as const,
  version: jobVersion(),
  kind,
});

/** The run's settings as a job has them, looked at with the images that it will train on. */
async function settled({ settings }: Training, source: Source) {
  const options = { ...settings };
  const given: RunOptions = { ...options, data: nameOf(source.ref) };
  const wanted = withRecipe(given);
  const train = await source.train(wanted.limit);
  return { options, recipe: resolveRecipe(wanted, train), train };
}

function addAudit(
  jobs: Jobs,
  cell: Cell,
  { audit, engine }: Experiment,
  { ref, test }: Source,
  model: ModelRef,
): Pick<PlannedCell, 'shards' | 'merge'> {
  const limit = Math.min(audit.limit, test.n);
  const data: DataRef = { ...ref, test: test.sha256 };
  const merge: MergeJob = {
    ...common('merge'),
    ...{ model, data, engine, limit, seed: cell.seed, of: audit.shards },
    threat: { norm: audit.norm, epsilon: cell.epsilon },
    chunk: chunkOf(audit, limit),
    ...(audit.attacks && { attacks: audit.attacks }),
    ...(audit.parameters && { parameters: audit.parameters }),
  };
  const shards = shardsOf(merge).map((shard) => add(jobs, shard, cell));
  return { shards, merge: add(jobs, merge, cell) };
}

const USUAL_CHUNK = 512;

/**
 * Images attacked together, so that each shard has a chunk at least.
 *
 * @throws E_OPTION where that cannot be
 */
export function chunkOf({ chunk, shards }: Experiment['audit'], images: number): number {
  if (shards > images)
    throw new TouchstoneError(
      'E_OPTION',
      `audit.shards: ${shards} for ${images} images`,
      `${images} at most`,
    );
  if (chunk === undefined) return Math.min(USUAL_CHUNK, Math.floor(images / shards));
  if (Math.ceil(images / chunk) >= shards) return chunk;
  throw new TouchstoneError(
    'E_OPTION',
    `audit.chunk: ${chunk}, which makes ${Math.ceil(images / chunk)} chunks of ${images} images for ${shards} shards`,
    'a chunk per shard at least',
    `set it to ${Math.floor(images / shards)}, or leave it out`,
  );
}

/** Puts into the store what the jobs need of this machine. @throws as the store does */
export async function bringBlobs({ blobs }: ExperimentPlan, store: Store): Promise<void> {
  for (const [hash, path] of blobs)
    if (!(await store.has(blobKey(hash)))) await store.putFile(blobKey(hash), path);
}
