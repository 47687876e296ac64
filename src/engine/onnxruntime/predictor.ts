import * as ort from 'onnxruntime-node';
import { TouchstoneError } from '../../errors.ts';

/** Runs a model file as it is. */
export interface Predictor {
  /** @param shape of the images, [N, C, H, W]; @returns the output, row-major `[N, K]` */
  predict(data: Float32Array, shape: readonly number[]): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * The file on disk, opened by onnxruntime itself: no reading, pass or program of ours in between. It is what the
 * verifier believes.
 *
 * @param output the output to read. @default the first
 */
export async function filePredictor(
  path: string,
  options: { threads: number; output?: string },
): Promise<Predictor> {
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(path, {
      intraOpNumThreads: options.threads,
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new TouchstoneError('E_ENGINE', `onnxruntime cannot load ${path}: ${text}`, undefined, undefined, {
      cause: error,
    });
  }
  const input = session.inputNames[0]!;
  const output = options.output ?? session.outputNames[0]!;
  return {
    async predict(data, shape) {
      try {
        const outputs = await session.run({ [input]: new ort.Tensor('float32', data, shape) }, [output]);
        return outputs[output]!.data as Float32Array;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        throw new TouchstoneError(
          'E_ENGINE',
          `onnxruntime failed on ${path}: ${text}`,
          undefined,
          undefined,
          {
            cause: error,
          },
        );
      }
    },
    close: () => session.release(),
  };
}
