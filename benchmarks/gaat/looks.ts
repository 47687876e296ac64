/** What was seen of networks, kept in their runs' folders: `lens.json`. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { z } from 'zod';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { type DataSet, firstImages } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { inspect } from '../../src/eval/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { readModelFile, writeFileAtomic } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';
import { openLearner, sightOf } from './lens.ts';
import { type Looked, looked, type Sight } from './record.ts';
import { STEPS } from './runs.ts';

/** α of the lens' attacks, in units of ε: the paper's 1/255 of 8/255. */
export const STEP_SIZE = 1 / 8;
/** Training images that are looked at; fewer of coloured ones, whose networks are larger. */
const IMAGES = { grey: 512, coloured: 128 } as const;

/** How many of a data set are looked at. */
export const imagesLookedAt = ({ n, shape }: DataSet): number =>
  Math.min(n, shape[0] === 1 ? IMAGES.grey : IMAGES.coloured);

const fileOf = (dir: string): string => join(dir, 'lens.json');
/** By epoch; as it was looked at with these images, seed and version of the lens. */
const lensFile = z.object({
  schema: z.literal('touchstone-bench-gaat-lens/1'),
  data: z.string().describe('SHA-256 of the training images'),
  seed: z.int(),
  epochs: z.record(z.string(), looked.shape.at),
});
type LensFile = z.infer<typeof lensFile>;

/** What is there of the same images and seed. @throws E_DATA for a file that is something else */
export async function readLooks(dir: string, train: DataSet, seed: number): Promise<LensFile> {
  const path = fileOf(dir);
  const empty: LensFile = { schema: 'touchstone-bench-gaat-lens/1', data: train.sha256, seed, epochs: {} };
  if (!(await fs.pathExists(path))) return empty;
  const parsed = lensFile.safeParse(await fs.readJson(path).catch(() => undefined));
  if (!parsed.success)
    throw new TouchstoneError('E_DATA', `${path} is damaged`, 'the file as it was written', 'remove it');
  return parsed.data.data === train.sha256 && parsed.data.seed === seed ? parsed.data : empty;
}

export interface Lens {
  readonly engine: Engine;
  readonly train: DataSet;
  readonly seed: number;
}

/** A network at some radii. */
async function sights(
  { engine, train, seed }: Lens,
  model: Graph,
  classes: number,
  epsilons: readonly number[],
): Promise<Sight[]> {
  const { x, y, shape } = firstImages(train, imagesLookedAt(train));
  const { learner, close } = await openLearner(engine, model, classes);
  const found: Sight[] = [];
  try {
    for (const epsilon of epsilons)
      found.push(
        await sightOf(learner, {
          ...{ x: { data: x, shape }, y, epsilon, steps: STEPS, stepSize: STEP_SIZE * epsilon },
          key: key(seed).fold('lens'),
        }),
      );
  } finally {
    await close();
  }
  return found;
}

/** Looks at a run's checkpoint after an epoch, at the radii that are not there yet. */
export async function lookAt(
  lens: Lens,
  dir: string,
  { epoch, model, classes }: { readonly epoch: number; readonly model: Graph; readonly classes: number },
  epsilons: readonly number[],
): Promise<void> {
  const known = await readLooks(dir, lens.train, lens.seed);
  const there = known.epochs[epoch] ?? [];
  const missing = epsilons.filter((e) => !there.some(({ epsilon }) => epsilon === e));
  if (missing.length === 0) return;
  const all = [...there, ...(await sights(lens, model, classes, missing))];
  const epochs = { ...known.epochs, [epoch]: all.sort((a, b) => a.epsilon - b.epsilon) };
  await writeFileAtomic(fileOf(dir), `${JSON.stringify({ ...known, epochs })}\n`);
}

const zoo = fileURLToPath(new URL('../../models/zoo', import.meta.url));
/** MNIST networks that come with Touchstone. */
const FILES: Readonly<Record<string, string>> = {
  'mnist-natural': 'trained naturally, models/zoo',
  'mnist-pgd': 'trained by PGD, models/zoo',
  'mnist-overfitted': 'FGSM’s catastrophic overfitting, models/zoo',
};

/** The networks that come with Touchstone, where the images are of their size. */
export async function lookAtZoo(lens: Lens, epsilons: readonly number[]): Promise<Looked[]> {
  const found: Looked[] = [];
  if (`${lens.train.shape}` !== `${mnistCnn.input}`) return found;
  for (const [name, about] of Object.entries(FILES)) {
    const { model } = await readModelFile(join(zoo, `${name}.onnx`));
    const { graph, card } = inspect(model);
    const at = await sights(lens, graph, card.classes, epsilons);
    found.push({ subject: name, model: mnistCnn.name, about, epoch: null, at });
  }
  return found;
}
