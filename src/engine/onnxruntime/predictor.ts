import * as ort from 'onnxruntime-node';
import { TouchstoneError } from '../../errors.ts';
import { type DataType, denseOf, type Tensor, tensorOf } from '../../graph/index.ts';

/** Runs a model file as it is. */
export interface Predictor {
  /**
   * @param shape of the input as the file has it, the batch first; @returns scores, row-major, as many per image as the
   * output has. Labels come back as scores of 0 and 1.
   */
  predict(data: Float32Array, shape: readonly number[]): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface PredictorOptions {
  readonly threads: number;
  /** The output to read. @default the first */
  readonly output?: string;
  /** How many scores a label stands for, where the output is one. */
  readonly classes?: number;
}

const failure = (what: string, error: unknown): TouchstoneError => {
  const text = error instanceof Error ? error.message : String(error);
  return new TouchstoneError('E_ENGINE', `onnxruntime ${what}: ${text}`, undefined, undefined, {
    cause: error,
  });
};

/**
 * The file on disk, opened by onnxruntime itself: no reading, pass or program of ours in between. It is what the
 * verifier believes.
 *
 * @param file its path, or its bytes
 */
export async function filePredictor(
  file: string | Uint8Array,
  options: PredictorOptions,
): Promise<Predictor> {
  const path = typeof file === 'string' ? file : 'the model';
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(file as string, {
      intraOpNumThreads: options.threads,
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    throw failure(`cannot load ${path}`, error);
  }
  const input = session.inputMetadata[0]!;
  const output = options.output ?? session.outputNames[0]!;
  const type = input.isTensor ? (input.type as DataType) : 'float32';
  return {
    async predict(data, shape) {
      try {
        const fed = type === 'float32' ? data : inType(data, shape, type);
        const outputs = await session.run(
          { [input.name]: new ort.Tensor(type as never, fed as never, shape) },
          [output],
        );
        return scoresOf(outputs[output]!, options.classes ?? 0);
      } catch (error) {
        throw failure(`failed on ${path}`, error);
      }
    },
    close: () => session.release(),
  };
}

/** Floats rounded to the file's own type. */
const inType = (data: Float32Array, shape: readonly number[], dtype: DataType): Tensor['data'] =>
  tensorOf({ dtype, shape, data: Float64Array.from(data) }).data;

function scoresOf(t: ort.Tensor, classes: number): Float32Array {
  if (t.data instanceof Float32Array) return t.data;
  const { data } = denseOf({ dtype: t.type as DataType, shape: t.dims, data: bitsOf(t.data) });
  if (!/^u?int\d+$/.test(t.type)) return Float32Array.from(data);
  const scores = new Float32Array(data.length * classes);
  for (const [i, label] of data.entries()) if (label >= 0 && label < classes) scores[i * classes + label] = 1;
  return scores;
}

/** float16 comes as its bits, or as Node's own half floats where it has them. */
const bitsOf = (data: ort.Tensor['data']): Tensor['data'] =>
  data.constructor.name === 'Float16Array'
    ? new Uint16Array((data as Uint16Array).buffer)
    : (data as Tensor['data']);
