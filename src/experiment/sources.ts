/** What an experiment reads of this machine: data sets and checkpoints. */
import { isAbsolute, resolve } from 'node:path';
import { checkLabels, type DataSet, limit, loadData } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import { assertFits, inspect } from '../eval/index.ts';
import { readFileLimited, readModelFile, sha256 } from '../io/index.ts';
import { stagesOf } from '../runs/audit-stages.ts';
import { type Checkpoint, dataOf } from './cells.ts';
import type { DataRef } from './jobs.ts';
import type { Experiment } from './schema.ts';

/** A data set of an experiment. */
export interface Source {
  /** As jobs name it, without the hashes of its content. */
  readonly ref: DataRef;
  readonly test: DataSet;
  /** The first so many training images. */
  train(limit: number | undefined): Promise<DataSet>;
}

export interface CheckpointFile {
  readonly path: string;
  readonly sha256: string;
}

export interface Sources {
  /** By their labels. */
  readonly data: ReadonlyMap<string, Source>;
  /** Data sets that are no single file, as `--data` has them on this machine. */
  readonly specs: ReadonlyMap<string, string>;
  /** Files by their hashes; checkpoints are added as they are read. */
  readonly blobs: ReadonlyMap<string, string>;
  /**
   * Reads a classifier, and looks whether it takes these images.
   *
   * @throws as `readModelFile` and `inspect` do; E_UNSUPPORTED for a model of several files
   */
  checkpoint(file: Checkpoint, source: Source): Promise<CheckpointFile>;
}

const MOST_BYTES = 2 ** 31;

/**
 * @param folder where relative paths begin: the experiment's own
 * @throws as `loadData` does, naming the place in the file
 */
export async function openSources(experiment: Experiment, folder: string): Promise<Sources> {
  const data = new Map<string, Source>();
  const specs = new Map<string, string>();
  const blobs = new Map<string, string>();
  for (const { label, origin, value } of dataOf(experiment)) {
    const spec = placed(value, folder);
    try {
      const test = await loadData(spec, 'test');
      const ref = await refOf(label, spec, blobs, specs);
      data.set(label, { ref, test, train: trainOf(spec) });
    } catch (error) {
      if (!(error instanceof TouchstoneError)) throw error;
      throw new TouchstoneError(error.code, `${origin}: ${error.got}`, error.expected, error.remedy, {
        cause: error,
      });
    }
  }
  const read = new Map<string, CheckpointFile>();
  return {
    ...{ data, specs, blobs },
    async checkpoint({ file }, source) {
      const path = placed(file, folder);
      const key = `${source.test.sha256} ${path}`;
      const found = read.get(key) ?? (await readCheckpoint(path, source.test, experiment));
      read.set(key, found);
      blobs.set(found.sha256, path);
      return found;
    },
  };
}

/** A path, or the folder after a data set's colon, as seen from the experiment's folder. */
function placed(spec: string, folder: string): string {
  if (/\.(npz(\?.*)?|onnx)$/is.test(spec)) return isAbsolute(spec) ? spec : resolve(folder, spec);
  const [, name, where] = /^([^:]*):(.+)$/s.exec(spec) ?? [];
  return where === undefined ? spec : `${name}:${resolve(folder, where)}`;
}

/** A .npz travels through the store; what is a folder each worker has for itself. */
async function refOf(
  label: string,
  spec: string,
  blobs: Map<string, string>,
  specs: Map<string, string>,
): Promise<DataRef> {
  const [, path, query] = /^(.*\.npz)(?:\?(.*))?$/is.exec(spec) ?? [];
  if (path === undefined) {
    specs.set(label, spec);
    return { name: label };
  }
  const options = new URLSearchParams(query);
  const layout = options.get('layout');
  if (options.has('x') || options.has('y'))
    throw new TouchstoneError('E_OPTION', `?${query}`, 'arrays named x and y', 'rename them in the file');
  const blob = sha256(await readFileLimited(path, MOST_BYTES));
  blobs.set(blob, path);
  return { blob, label, ...((layout === 'nchw' || layout === 'nhwc') && { layout }) };
}

/** Loads the training images once, whatever parts of them are asked for. */
function trainOf(spec: string): Source['train'] {
  let all: Promise<DataSet> | undefined;
  const parts = new Map<number, DataSet>();
  return async (n) => {
    all ??= loadData(spec, 'train');
    const data = await all;
    if (n === undefined) return data;
    const part = parts.get(n) ?? limit(data, n);
    parts.set(n, part);
    return part;
  };
}

async function readCheckpoint(path: string, test: DataSet, { audit }: Experiment): Promise<CheckpointFile> {
  const file = await readModelFile(path);
  const alone = sha256(await readFileLimited(path, MOST_BYTES));
  if (alone !== file.sha256)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `${path} has external data`,
      'a model in one file',
      'save it without external data',
    );
  const { card } = inspect(file.model, { image: test.shape });
  assertFits(card.input, test.shape);
  checkLabels(test, card.classes);
  stagesOf({ attacks: audit.attacks, threat: { norm: audit.norm, epsilon: 1 } }, card);
  return { path, sha256: alone };
}
