import { batch, checkLabels, firstImages, loadData } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { filePredictor } from '../engine/onnxruntime/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  assertFits,
  describe,
  engineClassifier,
  type Finding,
  type Images,
  inspect,
  type ModelCard,
  padded,
  predictAll,
  runChecks,
} from '../eval/index.ts';
import { readModelFile } from '../io/index.ts';
import { key, uniform } from '../random/index.ts';

export interface CheckRunOptions {
  readonly model: string;
  /** Real images to check with; without, uniform noise with the model's own predictions as labels. */
  readonly data?: string;
  readonly output?: string;
  readonly seed: number;
  readonly engine: Engine;
}

export interface CheckReport {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly card: ModelCard;
  /** Over the first images of the data, where there is any. */
  readonly accuracy: number | null;
  /** Empty where the model cannot be differentiated: the card then says why. */
  readonly findings: readonly (Finding & { readonly id: string; readonly title: string })[];
}

const IMAGES = 64;
const ACCURACY_IMAGES = 1000;

/** What kind of model a file holds, and whether attacks on it can be believed. */
export async function checkRun(options: CheckRunOptions): Promise<CheckReport> {
  const { model: path, engine } = options;
  const file = await readModelFile(path);
  const output = options.output === undefined ? {} : { output: options.output };
  const about = { path, sha256: file.sha256, bytes: file.bytes };
  const described = describe(file.model, options.output);
  if (described.unsupported.length > 0) return { ...about, card: described, accuracy: null, findings: [] };

  const { card, graph } = inspect(file.model, output);
  const fixed = card.input.shape[0];
  const maxBatch = typeof fixed === 'number' ? fixed : IMAGES;
  const predictor = await filePredictor(path, { threads: engine.threads, output: card.output.name });
  const oracle = typeof fixed === 'number' && fixed > 1 ? padded(predictor, fixed) : predictor;
  try {
    let x: Images;
    let labels: Int32Array | undefined;
    let accuracy: number | null = null;
    if (options.data) {
      const data = await loadData(options.data, 'test');
      assertFits(card, data.shape);
      checkLabels(data, card.classes);
      const images = firstImages(data, ACCURACY_IMAGES);
      const predicted = await predictAll(oracle, images.x, images.shape, maxBatch);
      const correct = Array.from(images.y.keys()).filter((i) => predicted[i] === images.y[i]);
      accuracy = correct.length / images.y.length;
      const chosen = batch(data, Uint32Array.from(correct.slice(0, IMAGES)));
      x = { data: chosen.x, shape: chosen.shape };
      labels = chosen.y;
    } else {
      x = noiseImages(card, options.seed);
    }
    const y = labels ?? (await predictAll(oracle, x.data, x.shape, maxBatch));
    const findings = await runChecks({
      card,
      classifier: engineClassifier(engine, graph, {
        classes: card.classes,
        logits: card.logits,
        ...(typeof fixed === 'number' ? { fixedBatch: fixed } : {}),
      }),
      oracle,
      x,
      y,
      key: key(options.seed).fold('checks'),
      broken: new Map(),
      sweep: [],
      maxBatch,
    });
    return { ...about, card, accuracy, findings };
  } finally {
    await predictor.close();
  }
}

function noiseImages(card: ModelCard, seed: number): Images {
  const sizes = card.input.shape.slice(1);
  if (!sizes.every((d): d is number => typeof d === 'number'))
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      'an input without fixed channels and size',
      '[N, C, H, W] with numbers',
      'give images with --data',
    );
  const shape = [IMAGES, ...sizes];
  const data = uniform(
    key(seed).fold('noise images'),
    shape.reduce((a, b) => a * b, 1),
    0,
    1,
  );
  return { data, shape };
}
