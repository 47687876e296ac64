/** Mini-batches of the runs, in turn: what a machine that others use too takes from one, it takes from all. */
import type { DataSet } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { trainOptionsOf } from '../../src/runs/train-run.ts';
import { builtTrainee } from '../../src/runs/trainee.ts';
import { learnerOf, noState, openTrainer, type TrainOptions } from '../../src/train/index.ts';
import { interleaved, timed } from '../measure.ts';
import type { NamedRun } from '../runs/runs.ts';

/** One mini-batch of a run, from its start to its update, as often as it is called; the weights stay what they are. */
async function batchOf(run: NamedRun, train: DataSet, engine: Engine) {
  const given = trainOptionsOf(run.recipe, train, builtTrainee(run.recipe, train.shape));
  const options: TrainOptions = { engine, ...given };
  const trainer = await openTrainer(options);
  const learner = await learnerOf(options, trainer);
  learner.learningRate = 0;
  const { method, settings, data, key } = options;
  const indices = Array.from({ length: Math.min(settings.batchSize, data.n) }, (_, i) => i);
  const { x, y } = data.batch(indices);
  const step = () =>
    method.step({
      ...{ learner, x, y, indices, epoch: 0, state: noState(), key: key.fold('timing') },
      ...{ threat: settings.threat, steps: settings.steps, stepSize: settings.stepSize },
      options: settings.options,
    });
  return { run: timed(step), close: () => trainer.close() };
}

/** Milliseconds of a mini-batch by run, a sample per round. */
export async function timedBatches(
  runs: readonly NamedRun[],
  train: DataSet,
  engine: Engine,
  rounds: number,
): Promise<Record<string, number[]>> {
  const opened = new Map<string, Awaited<ReturnType<typeof batchOf>>>();
  try {
    for (const run of runs) opened.set(run.spec.name, await batchOf(run, train, engine));
    return await interleaved(
      rounds,
      Object.fromEntries([...opened].map(([name, { run }]) => [name, run] as const)),
      { shuffle: true },
    );
  } finally {
    for (const { close } of opened.values()) await close();
  }
}
