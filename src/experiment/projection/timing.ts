/** What one pass takes on this machine: measured, for some seconds. */
import { firstImages } from '../../data/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { RunRecipe } from '../../runs/run-options.ts';
import { trainOptionsOf } from '../../runs/train-run.ts';
import { builtTrainee } from '../../runs/trainee.ts';
import { learnerOf, openTrainer } from '../../train/index.ts';
import type { Source } from '../sources.ts';

/** Seconds of each, over one mini-batch. */
export interface Seconds {
  readonly forward: number;
  readonly gradient: number;
  readonly update: number;
}

const ROUNDS = 3;
/** What takes longer is not done again. */
const LONG = 5;

/** The least of some rounds, after one that loads and compiles. */
export async function least(work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1000;
    if (round > 0 || seconds > LONG) best = Math.min(best, seconds);
    if (seconds > LONG) break;
  }
  return best;
}

/** Times an architecture with weights as they begin, on mini-batches of a run. */
export async function timePasses(recipe: RunRecipe, source: Source, engine: Engine): Promise<Seconds> {
  const data = await source.train(recipe.batchSize);
  const plain: RunRecipe = { ...recipe, method: 'natural', validation: 0, limit: data.n };
  const options = { ...trainOptionsOf(plain, data, builtTrainee(plain, data.shape)), engine };
  const trainer = await openTrainer(options);
  try {
    const learner = await learnerOf(options, trainer);
    const { x: pixels, y, shape } = firstImages(data, recipe.batchSize);
    const x = { data: pixels, shape };
    const threat = { norm: 'linf', epsilon: recipe.epsilon } as const;
    return {
      forward: await least(() => learner.logits(x)),
      gradient: await least(() => learner.ascend(x, y, x, { threat, stepSize: recipe.stepSize })),
      update: await least(() => learner.update(x, y)),
    };
  } finally {
    await trainer.close();
  }
}
