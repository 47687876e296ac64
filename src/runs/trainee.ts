/** What a run trains, and the file that it becomes: one of the architectures here, or a classifier from an ONNX file. */
import { join } from 'node:path';
import { reconstructors } from '../../models/index.ts';
import { type DataSet, firstImages } from '../data/index.ts';
import { type Engine, logitsProgram } from '../engine/index.ts';
import { filePredictor } from '../engine/onnxruntime/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  bakeNormalisation,
  type Graph,
  type Model,
  type Tensor,
  toModel,
  withValues,
  writeModel,
} from '../graph/index.ts';
import { readModelFile } from '../io/index.ts';
import { key } from '../random/index.ts';
import { type Method, methods } from '../train/index.ts';
import { apart, type InitialModel, initialModel } from './initial-model.ts';
import { architectureOf, type RunRecipe } from './run-options.ts';

/** The copy of the file that a run began with, in its folder. */
export const INITIAL = 'init.onnx';

export interface Trainee {
  readonly graph: Graph;
  /** Initializers that are trained. @default as the graph's form tells */
  readonly parameters?: readonly string[];
  /** The model file with some values. */
  checkpoint(values: ReadonlyMap<string, Tensor>, metadata: ReadonlyMap<string, string>): Promise<Model>;
}

/** One of the architectures, as a run begins it: everything but the weights' values stays so. */
export function builtTrainee(recipe: RunRecipe, input: DataSet['shape']): Trainee {
  const { classes, mean, std, seed } = recipe;
  const built = architectureOf(recipe.model).build(key(seed).fold('model'), { input, classes });
  const graph = mean && std ? bakeNormalisation(built, mean, std) : built;
  return { graph, checkpoint: async (values, metadata) => toModel(withValues(graph, values), metadata) };
}

/**
 * The file in a run's folder that it began with.
 *
 * @throws E_FILE, E_DATA where it is not there any more, or not the same; E_RANGE where its canonical form computes something else
 */
export async function initialTrainee(
  dir: string,
  recipe: RunRecipe,
  data: DataSet,
  engine: Engine,
): Promise<Trainee> {
  const path = join(dir, INITIAL);
  const { model, sha256: found } = await readModelFile(path);
  if (found !== recipe.init)
    throw new TouchstoneError(
      'E_DATA',
      `${path} has SHA-256 ${found.slice(0, 12)}…`,
      `${recipe.init?.slice(0, 12)}…, with which the run began`,
      'restore it, or start a new run',
    );
  const initial = initialModel(model, data.shape);
  const { graph, parameters } = initial;
  const prove = (values: ReadonlyMap<string, Tensor>, file: Model) =>
    proveSame(withValues(graph, values), file, initial, data, engine);
  await prove(new Map(), model);
  return {
    graph,
    parameters,
    async checkpoint(values, metadata) {
      const restored = initial.restored(values);
      await prove(values, restored);
      return { ...restored, metadata: new Map([...restored.metadata, ...metadata]) };
    },
  };
}

/** Images of the proof, and what the logits of two forms of a network may differ by, in units of the largest one. */
const PROOF_IMAGES = 16;
const TOLERANCE = 1e-4;

/** Compares the logits of what was trained with those that onnxruntime gives for the file. @throws E_RANGE */
async function proveSame(
  graph: Graph,
  file: Model,
  { output, native }: InitialModel,
  data: DataSet,
  engine: Engine,
): Promise<void> {
  const { x, shape } = firstImages(data, PROOF_IMAGES);
  const program = await engine.compile(logitsProgram(graph));
  const predictor = await filePredictor(writeModel(file), { threads: engine.threads, output });
  try {
    const ours = (await program.run({ x: { dtype: 'float32', data: x, shape } })).logits!
      .data as Float32Array;
    const fed = native({ data: x, shape });
    const theirs = await predictor.predict(fed.data, fed.shape);
    const scale = ours.reduce((most, z) => Math.max(most, Math.abs(z)), 1);
    const apart = ours.reduce((most, z, i) => Math.max(most, Math.abs(z - theirs[i]!)), 0);
    if (ours.length === theirs.length && apart <= TOLERANCE * scale) return;
    throw new TouchstoneError(
      'E_RANGE',
      `logits of the file that differ by ${apart.toExponential(1)} from those that were trained`,
      `${TOLERANCE} of the largest, ${scale.toFixed(1)}`,
      'this is a fault of touchstone: report it with the file',
    );
  } finally {
    await program.close();
    await predictor.close();
  }
}

/** The network that a method trains beside the model, its names apart. Saved with the state, and in no checkpoint. */
export function companionOf(recipe: RunRecipe, input: DataSet['shape']): Graph | undefined {
  const { companion }: Method = methods[recipe.method];
  if (!companion) return undefined;
  const { classes, seed } = recipe;
  const architecture = reconstructors[input[0] === 1 ? 'mnist-reconstructor' : 'cifar-reconstructor']!;
  return apart(architecture.build(key(seed).fold(companion), { input, classes }), companion).graph;
}
