import { batch, checkLabels, type DataSet, firstImages, loadData } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import {
  assertFits,
  engineClassifier,
  type Finding,
  type Images,
  type ModelCard,
  type Preprocessing,
  type PreprocessingName,
  predictAll,
  preprocessings,
  referenceOf,
  runChecks,
} from '../eval/index.ts';
import { key, uniform } from '../random/index.ts';
import { describeFile, type OpenModel, openModel } from './open-model.ts';

export interface CheckRunOptions {
  readonly model: string;
  /** Real images to check with; without, uniform noise with the model's own predictions as labels. */
  readonly data?: string;
  readonly output?: string;
  /** Shape of one image, [C, H, W], for a model that leaves it open, where there is no data. */
  readonly image?: readonly number[];
  /** What the model wants done to pixels in [0, 1] first. @default nothing */
  readonly preprocessing?: Preprocessing;
  readonly seed: number;
  readonly engine: Engine;
}

/** Accuracy with another reading of the pixels than the one that was asked for. */
export interface Guess {
  readonly preprocessing: PreprocessingName;
  readonly accuracy: number;
}

export interface CheckReport {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly card: ModelCard;
  /** Over the first images of the data, where there is any. */
  readonly accuracy: number | null;
  /** Other readings of the pixels, best first; empty without data. */
  readonly guesses: readonly Guess[];
  /** The best of them, where it is so much better that the one asked for must be wrong. */
  readonly wrongRange: Guess | null;
  /** Empty where the model cannot be differentiated: the card then says why. */
  readonly findings: readonly (Finding & { readonly id: string; readonly title: string })[];
}

const IMAGES = 64;
const ACCURACY_IMAGES = 1000;
/** Enough to tell 10 % from 80 %. */
const GUESS_IMAGES = 300;
/** By how much another reading must be better to be pointed out. */
const FAR_BETTER = 0.1;

/** What kind of model a file holds, and whether attacks on it can be believed. */
export async function checkRun(options: CheckRunOptions): Promise<CheckReport> {
  const { model: path, engine } = options;
  const output = options.output === undefined ? {} : { output: options.output };
  const data = options.data ? await loadData(options.data, 'test') : undefined;
  const shape = data?.shape ?? options.image;
  const image = shape ? { image: shape } : {};
  const { file, card: described } = await describeFile(path, { ...output, ...image });
  const about = { path, sha256: file.sha256, bytes: file.bytes };
  if (described.unsupported.length > 0)
    return { ...about, card: described, accuracy: null, guesses: [], wrongRange: null, findings: [] };

  const { preprocessing } = options;
  const opened = await openModel(path, {
    threads: engine.threads,
    ...output,
    ...image,
    ...(preprocessing ? { preprocessing } : {}),
  });
  try {
    const { subject, oracle, fixedBatch } = opened;
    const { card } = subject;
    const maxBatch = fixedBatch ?? IMAGES;
    const { x, y, accuracy } = data
      ? await correctImages(opened, data, maxBatch)
      : { ...(await noiseImages(opened, options.seed, maxBatch)), accuracy: null };
    const reference = referenceOf(subject.graph);
    const findings = await runChecks({
      card,
      classifier: engineClassifier(engine, subject.graph, {
        classes: card.classes,
        ...(fixedBatch === undefined ? {} : { fixedBatch }),
      }),
      oracle,
      x,
      y,
      key: key(options.seed).fold('checks'),
      broken: new Map(),
      sweep: [],
      maxBatch,
      ...(reference ? { reference } : {}),
      ...(fixedBatch === undefined ? {} : { fixedBatch }),
    });
    const guesses = data ? await guessRange(opened, data, maxBatch) : [];
    const [best] = guesses;
    const wrong = best && accuracy !== null && best.accuracy > accuracy + FAR_BETTER;
    return { ...about, card, accuracy, guesses, wrongRange: wrong ? best : null, findings };
  } finally {
    await opened.close();
  }
}

/** The first images that are classified correctly. */
async function correctImages(
  { subject: { card }, oracle }: OpenModel,
  data: DataSet,
  maxBatch: number,
): Promise<{ x: Images; y: Int32Array; accuracy: number }> {
  assertFits(card.input, data.shape);
  checkLabels(data, card.classes);
  const images = firstImages(data, ACCURACY_IMAGES);
  const predicted = await predictAll(oracle, images.x, images.shape, maxBatch);
  const correct = Array.from(images.y.keys()).filter((i) => predicted[i] === images.y[i]);
  const chosen = batch(data, Uint32Array.from(correct.slice(0, IMAGES)));
  return {
    x: { data: chosen.x, shape: chosen.shape },
    y: chosen.y,
    accuracy: correct.length / images.y.length,
  };
}

/** Uniform noise, and what the model makes of it. */
async function noiseImages(
  { subject: { graph }, oracle }: OpenModel,
  seed: number,
  maxBatch: number,
): Promise<{ x: Images; y: Int32Array }> {
  const { type } = graph.inputs[0]!;
  const sizes = type?.kind === 'tensor' ? (type.shape ?? []).slice(1) : [];
  const shape = [IMAGES, ...(sizes as readonly number[])];
  const size = shape.reduce((a, b) => a * b, 1);
  const x = { data: uniform(key(seed).fold('noise images'), size, 0, 1), shape };
  return { x, y: await predictAll(oracle, x.data, x.shape, maxBatch) };
}

/** The file's accuracy with each known preprocessing that fits its channels, best first. */
async function guessRange(opened: OpenModel, data: DataSet, maxBatch: number): Promise<Guess[]> {
  const channels = data.shape[0]!;
  const images = firstImages(data, GUESS_IMAGES);
  const guesses: Guess[] = [];
  for (const [name, candidate] of Object.entries(preprocessings) as [PreprocessingName, Preprocessing][]) {
    if (candidate.mean.length !== 1 && candidate.mean.length !== channels) continue;
    const predicted = await predictAll(opened.oracleWith(candidate), images.x, images.shape, maxBatch);
    const correct = predicted.filter((label, i) => label === images.y[i]).length;
    guesses.push({ preprocessing: name, accuracy: correct / images.y.length });
  }
  return guesses.sort((a, b) => b.accuracy - a.accuracy);
}
