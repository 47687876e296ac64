import { filePredictor } from '../engine/onnxruntime/index.ts';
import {
  describe,
  type ImageInput,
  type InspectOptions,
  inspect,
  nativeShape,
  type Oracle,
  type Preprocessing,
  padded,
  perChannel,
  preprocess,
  type Subject,
  toNative,
} from '../eval/index.ts';
import { bakeNormalisation } from '../graph/index.ts';
import { type ModelFile, readModelFile } from '../io/index.ts';

export interface OpenModelOptions extends Pick<InspectOptions, 'output' | 'image'> {
  readonly threads: number;
  /** What the model wants done to pixels in [0, 1] first. @default nothing */
  readonly preprocessing?: Preprocessing;
}

/** A model file, read, understood, and loaded as it is. */
export interface OpenModel {
  readonly file: ModelFile;
  readonly subject: Subject;
  /** The file itself under onnxruntime; it takes images `[N, C, H, W]` in [0, 1]. */
  readonly oracle: Oracle;
  /** The same, with another preprocessing in front. */
  oracleWith(preprocessing: Preprocessing): Oracle;
  /** The batch size that the model was exported with, where it was fixed. */
  readonly fixedBatch?: number;
  close(): Promise<void>;
}

/** @throws as `readModelFile`, `inspect` and the engine do */
export async function openModel(path: string, options: OpenModelOptions): Promise<OpenModel> {
  const file = await readModelFile(path);
  const bare = inspect(file.model, options);
  const { input } = bare.card;
  const channels = input.image[0];
  const wanted =
    options.preprocessing && typeof channels === 'number'
      ? perChannel(options.preprocessing, channels)
      : options.preprocessing;
  const subject = wanted ? { ...bare, graph: bakeNormalisation(bare.graph, wanted.mean, wanted.std) } : bare;
  const predictor = await filePredictor(path, {
    threads: options.threads,
    output: bare.card.output.name,
    classes: bare.card.classes,
  });
  const [batch] = input.shape;
  const fixedBatch = typeof batch === 'number' && batch > 0 ? batch : undefined;
  const oracleWith = (preprocessing: Preprocessing | undefined): Oracle => {
    const oracle = withImages(predictor, input, preprocessing);
    return fixedBatch && fixedBatch > 1 ? padded(oracle, fixedBatch) : oracle;
  };
  return {
    file,
    subject,
    oracle: oracleWith(wanted),
    oracleWith,
    ...(fixedBatch === undefined ? {} : { fixedBatch }),
    close: () => predictor.close(),
  };
}

/** An oracle that takes images `[N, C, H, W]` in [0, 1], and gives the model what it wants. */
function withImages(
  oracle: Oracle,
  { layout }: Pick<ImageInput, 'layout'>,
  preprocessing: Preprocessing | undefined,
): Oracle {
  return {
    predict(data, shape) {
      const [n, c, h, w] = shape as [number, number, number, number];
      const ready = preprocessing ? preprocess(data, shape, perChannel(preprocessing, c)) : data;
      const native = nativeShape(layout, [n, c, h, w], c * h * w) as number[];
      return oracle.predict(toNative(layout, ready, shape), native);
    },
  };
}

/** What can be said of a file, whether or not it can be differentiated. */
export async function describeFile(path: string, options: InspectOptions) {
  const file = await readModelFile(path);
  return { file, card: describe(file.model, options) };
}
