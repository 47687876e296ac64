import { classifierProgram, type Engine, type Executable, logitsProgram } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import type { Graph, Tensor } from '../graph/index.ts';
import type { LossName } from '../losses/index.ts';
import { assertFinite, type Classifier, type Images, imageSize, type LossGradient } from './classifier.ts';

/** Something that compiles programs: an engine, or a trainer with its live parameters. */
type Compiler = Pick<Engine, 'compile'>;

export interface EngineClassifierOptions {
  /** Which value of the graph holds the logits. @default the first output */
  readonly logits?: string;
  readonly classes: number;
  /** Images per pass. @default 512 */
  readonly batchSize?: number;
  /** The batch size that the model was exported with, where it was fixed; the last batch is then filled up. */
  readonly fixedBatch?: number;
}

const labelTensor = (y: Int32Array): Tensor<BigInt64Array> => ({
  dtype: 'int64',
  shape: [y.length],
  data: BigInt64Array.from(y, BigInt),
});

/** The same array, or a longer one that ends in zeros. */
function filled<A extends Float32Array | Int32Array>(part: A, length: number): A {
  if (part.length === length) return part;
  const whole = new (part.constructor as new (n: number) => A)(length);
  whole.set(part);
  return whole;
}

const floats = (t: Tensor | undefined): Float32Array => {
  if (!(t?.data instanceof Float32Array))
    throw new TouchstoneError('E_ENGINE', 'an output that is missing or not float32', 'float32');
  return t.data;
};

/**
 * A model on an engine, as attacks see it. Programs are compiled when first needed, and images go through in batches.
 */
export function engineClassifier(
  compiler: Compiler,
  model: Graph,
  options: EngineClassifierOptions,
): Classifier {
  const { classes, fixedBatch } = options;
  const batchSize = fixedBatch ?? options.batchSize ?? 512;
  const compiled = new Map<string, Promise<Executable>>();
  const logitsName = options.logits ?? model.outputs[0]!.name;

  function executable(loss: LossName | 'none'): Promise<Executable> {
    let ready = compiled.get(loss);
    if (!ready) {
      const program =
        loss === 'none'
          ? logitsProgram(model, logitsName)
          : classifierProgram(model, loss, { logits: logitsName });
      ready = compiler.compile(program);
      compiled.set(loss, ready);
    }
    return ready;
  }

  /** Cuts images into batches and calls `each` with the range of every batch. */
  async function inBatches(
    x: Images,
    each: (batch: Tensor, from: number, to: number) => Promise<void>,
  ): Promise<void> {
    const n = x.shape[0]!;
    const size = imageSize(x);
    for (let from = 0; from < n; from += batchSize) {
      const to = Math.min(n, from + batchSize);
      const part = n <= batchSize ? x.data : x.data.subarray(from * size, to * size);
      const count = fixedBatch ?? to - from;
      await each(
        { dtype: 'float32', shape: [count, ...x.shape.slice(1)], data: filled(part, count * size) },
        from,
        to,
      );
    }
  }

  return {
    classes,

    async logits(x) {
      const program = await executable('none');
      const all = new Float32Array(x.shape[0]! * classes);
      await inBatches(x, async (batch, from, to) => {
        const { logits } = await program.run({ x: batch });
        all.set(floats(logits).subarray(0, (to - from) * classes), from * classes);
      });
      assertFinite(all, 'logits');
      return all;
    },

    async gradient(loss, x, y): Promise<LossGradient> {
      const program = await executable(loss);
      const n = x.shape[0]!;
      const size = imageSize(x);
      const all = {
        logits: new Float32Array(n * classes),
        loss: new Float32Array(n),
        gradient: new Float32Array(n * size),
      };
      await inBatches(x, async (batch, from, to) => {
        const count = batch.shape[0]!;
        const outputs = await program.run({ x: batch, y: labelTensor(filled(y.subarray(from, to), count)) });
        const take = (name: keyof LossGradient, each: number) =>
          all[name].set(floats(outputs[name]).subarray(0, (to - from) * each), from * each);
        take('logits', classes);
        take('loss', 1);
        take('gradient', size);
      });
      assertFinite(all.logits, 'logits');
      return all;
    },
  };
}
