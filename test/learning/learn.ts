/** Trains MNIST by a method as a user would, and says what came of it. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { common, settings } from '../../benchmarks/methods/settings.ts';
import { firstImages, loadData } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { attacks, engineClassifier, predictions } from '../../src/eval/index.ts';
import { readModel } from '../../src/graph/index.ts';
import { key } from '../../src/random/index.ts';
import { type RunFile, type RunOptions, readRun, startRun } from '../../src/runs/train-run.ts';
import {
  commonDefaults,
  type EpochRecord,
  type Method,
  type MethodName,
  type MethodOptions,
  methods,
} from '../../src/train/index.ts';

/** What PGD-20 is, here: from a random start. */
export const PGD = { epsilon: 0.1, steps: 20, stepSize: 0.01 } as const;

/** How well a network does on test images, by onnxruntime. */
export interface Judgement {
  /** Accuracies. */
  readonly natural: number;
  readonly pgd20: number;
  /** Mean cross-entropy of what PGD-20 ended at, or stopped at where the image was misclassified. */
  readonly attackedLoss: number;
}

export interface LearntEpoch extends Judgement {
  readonly loss: number;
  readonly forwardPasses: number;
  readonly backwardPasses: number;
  /** Images. */
  readonly forwards: number;
  readonly backwards: number;
  /** Of training. */
  readonly seconds: number;
}

export interface Learnt {
  readonly method: MethodName;
  readonly engine: string;
  /** What computed. */
  readonly environment: RunFile['engine'];
  /** Test images that it was judged on. */
  readonly judgedOn: number;
  /** All that the run was told. */
  readonly options: RunOptions;
  readonly epochs: readonly LearntEpoch[];
}

export interface Job {
  readonly method: MethodName;
  readonly engine: 'onnxruntime' | 'tensorflow';
  /** @default 'auto' */
  readonly device?: string;
  /** @default the number of cores */
  readonly threads?: number;
  /** Of the training set, the first ones. @default all 60,000 */
  readonly images?: number;
  /** Test images, the first ones. @default 1000 */
  readonly judgedOn?: number;
  /** For fewer images: smaller mini-batches, and a fraction of the learning rate. @default as they are */
  readonly gently?: { readonly batchSize: number; readonly rate: number };
}

/** Passes over the data, by the loop. */
const EPOCHS = 2;

/** The settings that it learns with, and the allowance of epochs that buys two of them. */
export function optionsOf({ method, engine, device = 'auto', threads, images, gently }: Job): RunOptions {
  const own: RunOptions = { ...common, ...settings[method].options };
  const { epochs, defaults }: Method = methods[method];
  const chosen = { ...commonDefaults, ...defaults, ...own } as MethodOptions;
  let allowance = EPOCHS;
  while (epochs && epochs(allowance, chosen) < EPOCHS) allowance += 1;
  return {
    ...own,
    method,
    engine,
    device,
    epochs: allowance,
    validation: 0,
    seed: 0,
    ...(threads !== undefined && { threads }),
    ...(images !== undefined && { limit: images }),
    ...(gently && { batchSize: gently.batchSize, learningRate: gently.rate * own.learningRate! }),
  };
}

/** @throws E_ENGINE where the engine is not set up; as `startRun` does */
export async function learn(job: Job): Promise<Learnt> {
  const { method, engine, judgedOn = 1000 } = job;
  const options = optionsOf(job);
  const folder = await mkdtemp(join(tmpdir(), 'touchstone-learning-'));
  try {
    const out = join(folder, 'run');
    const files: Uint8Array[] = [];
    // Read at once: the next epoch's model takes its place.
    const onEpoch = () => {
      files.push(readFileSync(join(out, 'checkpoint.onnx')));
    };
    const { history } = await startRun({ ...options, out }, { onEpoch });
    const judge = onnxruntimeEngine({ device: 'cpu', ...(job.threads && { threads: job.threads }) });
    const epochs: LearntEpoch[] = [];
    for (const [i, record] of history.entries())
      epochs.push({ ...costOf(record), ...(await judged(judge, files[i]!, judgedOn)) });
    await judge.close();
    const environment = (await readRun(out)).run.engine;
    return { method, engine, environment, judgedOn, options, epochs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const costOf = ({ loss, forwardPasses, backwardPasses, forwards, backwards, seconds }: EpochRecord) => ({
  loss,
  forwardPasses,
  backwardPasses,
  forwards,
  backwards,
  seconds,
});

/** Accuracy, and accuracy and loss under PGD-20 from a random start. */
async function judged(engine: Engine, file: Uint8Array, n: number): Promise<Judgement> {
  const test = firstImages(await loadData('mnist', 'test'), n);
  const [x, y] = [{ data: test.x, shape: test.shape }, test.y];
  const { epsilon, steps, stepSize } = PGD;
  const classifier = engineClassifier(engine, readModel(file).graph, { classes: 10 });
  const predicted = predictions(await classifier.logits(x), 10);
  const { adversarial, broken } = await attacks.pgd.run({
    classifier,
    x,
    y,
    threat: { norm: 'linf', epsilon },
    parameters: { steps, stepSize, restarts: 1 },
    key: key(0).fold('learning'),
  });
  const { loss } = await classifier.gradient('ce', { data: adversarial, shape: x.shape }, y);
  return {
    natural: y.filter((label, i) => predicted[i] === label).length / n,
    pgd20: broken.filter((b) => !b).length / n,
    attackedLoss: loss.reduce((sum, v) => sum + v, 0) / n,
  };
}

/**
 * Methods whose loss in one epoch is not that in the next: what they train on changes by a rule. Theirs is compared as the
 * loss under PGD-20, which is the same measure for any two networks.
 */
export const CHANGING: Readonly<Partial<Record<MethodName, string>>> = {
  dat: 'natural images, then adversarial ones',
  'dat+gaat': 'natural images, then adversarial ones',
  deat: 'one replay, then two',
  'm-deat': 'one replay, then two',
  'm-pgd': 'one step, then two',
  'm-trades': 'one step, then two',
  'm-mart': 'one step, then two',
};

/** What must fall from the first epoch to the last, by name. */
export function fallingLoss({ method, epochs }: Learnt): { name: string; first: number; last: number } {
  const measure = method in CHANGING ? 'attackedLoss' : 'loss';
  return { name: measure, first: epochs[0]![measure], last: epochs.at(-1)![measure] };
}
