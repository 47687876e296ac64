import * as ort from 'onnxruntime-node';
import { TouchstoneError } from '../../errors.ts';
import {
  type DataType,
  formatShape,
  type Graph,
  type Tensor,
  toModel,
  writeModel,
} from '../../graph/index.ts';
import type { Values } from '../engine.ts';
import { checkFeeds } from '../feeds.ts';

export interface SessionOptions {
  readonly device: 'cpu' | 'cuda';
  readonly threads: number;
}

/** Element types that both sides hold in the same kind of array. */
const NAMES: Partial<Record<DataType, ort.Tensor.Type>> = {
  float32: 'float32',
  float64: 'float64',
  int64: 'int64',
  int32: 'int32',
  uint8: 'uint8',
  int8: 'int8',
  bool: 'bool',
};

/** A graph loaded in onnxruntime. */
export class Session {
  readonly #session: ort.InferenceSession;
  #closed = false;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  static async create(graph: Graph, { device, threads }: SessionOptions): Promise<Session> {
    return Session.fromBytes(writeModel(toModel(graph)), { device, threads });
  }

  /**
   * Loads the bytes of a model file.
   *
   * @param elsewhere the data that the file refers to, by location. onnxruntime reads it where it is: keep it until `close`
   * @throws E_ENGINE in onnxruntime's words, on one line
   */
  static async fromBytes(
    bytes: Uint8Array,
    { device, threads }: SessionOptions,
    elsewhere: ReadonlyMap<string, Float32Array> = new Map(),
  ): Promise<Session> {
    const externalData = [...elsewhere].map(([path, { buffer, byteOffset, byteLength }]) => ({
      path,
      data: new Uint8Array(buffer, byteOffset, byteLength),
    }));
    try {
      const session = await ort.InferenceSession.create(bytes, {
        executionProviders: device === 'cuda' ? ['cuda', 'cpu'] : ['cpu'],
        intraOpNumThreads: threads,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        ...(externalData.length > 0 && { externalData }),
        // A session's idle threads would spin on the cores that the next session needs: alternating two sessions
        // on 2 cores measured 1.9 times slower with spinning.
        // Left alone, it also quantises again the constant weights that stand between a DequantizeLinear and a
        // QuantizeLinear: up to three quanta of difference in a graph whose weights were folded to floats.
        extra: { session: { intra_op: { allow_spinning: '0' }, disable_quant_qdq: '1' } },
      });
      return new Session(session);
    } catch (error) {
      throw new TouchstoneError(
        'E_ENGINE',
        `onnxruntime cannot load the graph: ${textOf(error)}`,
        undefined,
        undefined,
        {
          cause: error,
        },
      );
    }
  }

  get inputs(): readonly ort.InferenceSession.ValueMetadata[] {
    return this.#session.inputMetadata;
  }

  get outputs(): readonly ort.InferenceSession.ValueMetadata[] {
    return this.#session.outputMetadata;
  }

  /**
   * @param fetch only these outputs are computed and copied. @default all
   * @throws E_SHAPE where a feed is missing or does not fit its input, E_ENGINE where onnxruntime fails
   */
  async run(feeds: Values, fetch?: readonly string[]): Promise<Record<string, Tensor>> {
    checkFeeds(
      this.#session.inputMetadata.filter((i) => i.isTensor),
      feeds,
    );
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, tensor] of Object.entries(feeds)) tensors[name] = toOrt(name, tensor);
    try {
      const outputs = fetch ? await this.#session.run(tensors, fetch) : await this.#session.run(tensors);
      return Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, fromOrt(t)]));
    } catch (error) {
      const shapes = Object.entries(feeds).map(([n, t]) => `${n} ${formatShape(t.shape)}`);
      throw new TouchstoneError(
        'E_ENGINE',
        `onnxruntime failed on ${shapes.join(', ')}: ${textOf(error)}`,
        undefined,
        undefined,
        {
          cause: error,
        },
      );
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#session.release();
  }
}

const textOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 400);

function toOrt(name: string, { dtype, data, shape }: Tensor): ort.Tensor {
  const type = NAMES[dtype];
  if (!type)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `input ${name} of type ${dtype}`,
      Object.keys(NAMES).join(', '),
    );
  return new ort.Tensor(type, data as never, shape);
}

function fromOrt(t: ort.Tensor): Tensor {
  return { dtype: t.type as DataType, data: t.data as Tensor['data'], shape: t.dims };
}
