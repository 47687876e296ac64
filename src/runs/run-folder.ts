/**
 * A run's folder, and the order in which it is written.
 *
 * - `run.json`: what was asked for, and what it ran on. Written first, never changed. With it `init.onnx`, where the run began
 *   with a file.
 * - `state.npz`: where training stands: parameters, velocities, cursor and history. The truth.
 * - `history.jsonl`, `checkpoint.onnx`: views of it, for people and tools, written after it.
 *
 * Each is replaced atomically. So a process killed at any moment leaves a folder from which the state can be read and the
 * views made again; one killed before the first state starts over.
 */
import { join } from 'node:path';
import fs from 'fs-extra';
import { z } from 'zod';
import { TouchstoneError } from '../errors.ts';
import { inspect } from '../eval/index.ts';
import { type Graph, writeModel } from '../graph/index.ts';
import { readFileLimited, readModelFile, sha256, writeFileAtomic, writeFilesAtomic } from '../io/index.ts';
import type { EpochRecord, Snapshot } from '../train/index.ts';
import { runRecipe } from './run-options.ts';
import { decodeState, encodeState } from './run-state.ts';
import { INITIAL, type Trainee } from './trainee.ts';
import { TRAINING_ENTRY } from './training-entry.ts';

const FILES = {
  run: 'run.json',
  state: 'state.npz',
  history: 'history.jsonl',
  checkpoint: 'checkpoint.onnx',
} as const;

/** What `writeFileAtomic` leaves of these files where it is killed. */
const LEFTOVER = /^\.(?:run\.json|state\.npz|init\.onnx|history\.jsonl|checkpoint\.onnx)\.[0-9a-f]+\.tmp$/;

const runFile = z.object({
  schema: z.literal('touchstone-run/1'),
  recipe: runRecipe,
  data: z.object({
    name: z.string(),
    split: z.string(),
    sha256: z.string(),
    n: z.int(),
    shape: z.array(z.int()),
  }),
  engine: z.object({
    name: z.enum(['onnxruntime', 'tensorflow']),
    device: z.enum(['cpu', 'cuda']),
    threads: z.int(),
    versions: z.record(z.string(), z.string()),
  }),
  tool: z.object({ name: z.string(), version: z.string(), gitCommit: z.string().optional() }),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
});

/** The content of `run.json`. */
export type RunFile = z.infer<typeof runFile>;

/** A run on disk. */
export interface RunFolder {
  readonly dir: string;
  readonly run: RunFile;
  /** Of run.json: a state belongs to the run whose hash it carries. */
  readonly sha256: string;
}

/** @throws E_FILE unless the folder is new or empty */
export async function assertFree(dir: string): Promise<void> {
  const found = await listed(dir);
  if (found.length === 0) return;
  throw new TouchstoneError(
    'E_FILE',
    `${dir} is not empty`,
    'a new or empty folder',
    found.includes(FILES.run)
      ? `pass --resume ${dir} to go on with that run, or choose another folder`
      : 'choose another folder',
  );
}

async function listed(dir: string): Promise<string[]> {
  try {
    return (await fs.readdir(dir)).filter((name) => !LEFTOVER.test(name));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') return [];
    const got = code === 'ENOTDIR' ? `${dir} is a file` : `cannot read ${dir}`;
    throw new TouchstoneError('E_FILE', got, 'a new or empty folder', 'choose another folder', { cause });
  }
}

/** Begins a folder. @throws E_WRITE */
export async function createFolder(dir: string, run: RunFile, initial?: Uint8Array): Promise<RunFolder> {
  const text = `${JSON.stringify(run, null, 2)}\n`;
  await writeFilesAtomic(
    new Map<string, Uint8Array | string>([
      ...(initial ? [[join(dir, INITIAL), initial] as const] : []),
      [join(dir, FILES.run), text],
    ]),
  );
  return { dir, run, sha256: sha256(new TextEncoder().encode(text)) };
}

/** @throws E_FILE where there is no run, E_DATA where its file is not one of this version's */
export async function openFolder(dir: string): Promise<RunFolder> {
  const path = join(dir, FILES.run);
  if (!(await fs.pathExists(path)))
    throw new TouchstoneError(
      'E_FILE',
      `no ${FILES.run} in ${dir}`,
      'the folder of a run',
      'check the path, or start a new run',
    );
  const bytes = await readFileLimited(path, 2 ** 20);
  const parsed = runFile.safeParse(jsonOf(bytes, path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TouchstoneError(
      'E_DATA',
      `${path} is wrong at ${issue?.path.join('.') || 'its top'} (${issue?.message})`,
      'the file as it was written',
    );
  }
  return { dir, run: parsed.data, sha256: sha256(bytes) };
}

/** Removes the unfinished temporary files of a killed process. */
export async function sweep(dir: string): Promise<void> {
  for (const name of await fs.readdir(dir)) if (LEFTOVER.test(name)) await fs.remove(join(dir, name));
}

/** Where a run stands; undefined before its first epoch is over. @throws E_DATA, E_FILE where it is not this run's */
export async function loadState(folder: RunFolder): Promise<Snapshot | undefined> {
  const path = join(folder.dir, FILES.state);
  if (!(await fs.pathExists(path))) return undefined;
  const { run, snapshot } = decodeState(await readFileLimited(path, 2 ** 31), path);
  if (run !== folder.sha256)
    throw new TouchstoneError(
      'E_FILE',
      `${join(folder.dir, FILES.run)} was changed after the run began`,
      'the file as it was written',
      'restore it, or start a new run',
    );
  return snapshot;
}

export async function saveState(folder: RunFolder, snapshot: Snapshot): Promise<void> {
  await writeFileAtomic(join(folder.dir, FILES.state), encodeState(folder.sha256, snapshot));
}

/** Writes what can be made from the state of a whole epoch. */
export async function saveViews(
  { dir, run }: RunFolder,
  trainee: Trainee,
  { state, best, history }: Snapshot,
): Promise<void> {
  const metadata = metadataOf(run, best?.epoch ?? history.length, history);
  const model = await trainee.checkpoint(best?.parameters ?? state.parameters, metadata);
  await writeFilesAtomic(
    new Map<string, Uint8Array | string>([
      [join(dir, FILES.history), history.map((record) => `${JSON.stringify(record)}\n`).join('')],
      [join(dir, FILES.checkpoint), writeModel(model)],
    ]),
  );
}

function metadataOf(run: RunFile, epoch: number, epochs: readonly EpochRecord[]): Map<string, string> {
  const { recipe, data, engine, tool } = run;
  const versions = { [tool.name]: tool.version, ...engine.versions };
  return new Map([
    ['touchstone.kind', 'checkpoint'],
    ['touchstone.method', recipe.method],
    ['touchstone.recipe', JSON.stringify(recipe)],
    ['touchstone.epoch', `${epoch}`],
    ['touchstone.seed', `${recipe.seed}`],
    ['touchstone.data', data.name],
    ['touchstone.data.sha256', data.sha256],
    ['touchstone.versions', JSON.stringify(versions)],
    ...(tool.gitCommit === undefined ? [] : [['touchstone.git', tool.gitCommit] as const]),
    [TRAINING_ENTRY, JSON.stringify({ method: recipe.method, recipe, epochs })],
  ]);
}

/** A run as export and report need it. */
export interface RunRecord {
  readonly run: RunFile;
  readonly recipe: RunFile['recipe'];
  /** The epochs that the checkpoint has behind it. */
  readonly history: readonly EpochRecord[];
  /** The checkpoint in inference form, input in [0, 1]. */
  readonly model: Graph;
  readonly metadata: ReadonlyMap<string, string>;
  readonly checkpoint: string;
}

/** @throws E_FILE where there is no run, or no checkpoint yet */
export async function readRun(dir: string): Promise<RunRecord> {
  const { run } = await openFolder(dir);
  const checkpoint = join(dir, FILES.checkpoint);
  if (!(await fs.pathExists(checkpoint)))
    throw new TouchstoneError(
      'E_FILE',
      `no ${FILES.checkpoint} in ${dir} yet`,
      'a run with a whole epoch behind it',
      `go on with --resume ${dir}`,
    );
  const { model } = await readModelFile(checkpoint);
  const { metadata } = model;
  // The checkpoint's own record: history.jsonl may be an epoch ahead where a process was killed between the two.
  const { epochs } = jsonOf(
    new TextEncoder().encode(metadata.get(TRAINING_ENTRY) ?? '{"epochs":[]}'),
    checkpoint,
  ) as {
    epochs: EpochRecord[];
  };
  const graph = run.recipe.init === null ? model.graph : inspect(model).graph;
  return { run, recipe: run.recipe, history: epochs, model: graph, metadata, checkpoint };
}

function jsonOf(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new TouchstoneError('E_DATA', `${path} is not JSON`, 'the file as it was written', 'restore it', {
      cause,
    });
  }
}
