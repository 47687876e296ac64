import {
  classifierProgram,
  type Engine,
  type Executable,
  floatsOf,
  labelTensor,
  logitsProgram,
  type Program,
  type Values,
} from '../engine/index.ts';
import { float32, type Graph, scalar, type Tensor } from '../graph/index.ts';
import { ascentGraph } from './ascent.ts';
import { type AttackLoss, assertFinite, type Classifier, type LossGradient } from './classifier.ts';
import { type Images, imageSize } from './images.ts';
import { at, type PerImage } from './threat.ts';

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

/** The same array, or a longer one that ends in zeros. */
function filled<A extends Float32Array | Int32Array>(part: A, length: number): A {
  if (part.length === length) return part;
  const whole = new (part.constructor as new (n: number) => A)(length);
  whole.set(part);
  return whole;
}

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
  const logits = options.logits ?? model.outputs[0]!.name;

  function executable(name: string, program: () => Program): Promise<Executable> {
    const ready = compiled.get(name) ?? compiler.compile(program());
    compiled.set(name, ready);
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

  /** Runs a program on all images and gathers its outputs, `sizes` elements per image. */
  async function gathered<Name extends string>(
    program: Executable,
    x: Images,
    feeds: (from: number, to: number, count: number) => Values,
    sizes: Readonly<Record<Name, number>>,
  ): Promise<Record<Name, Float32Array>> {
    const n = x.shape[0]!;
    const names = Object.keys(sizes) as Name[];
    const all = Object.fromEntries(names.map((k) => [k, new Float32Array(n * sizes[k])])) as Record<
      Name,
      Float32Array
    >;
    await inBatches(x, async (batch, from, to) => {
      const outputs = await program.run({ x: batch, ...feeds(from, to, batch.shape[0]!) });
      for (const k of names)
        all[k].set(floatsOf(outputs, k).subarray(0, (to - from) * sizes[k]), from * sizes[k]);
    });
    return all;
  }

  /** Labels, and where the loss reads them targets. */
  const labels = (loss: AttackLoss, y: Int32Array, target: Int32Array | undefined) => {
    const classesOf = (of: Int32Array, from: number, to: number, count: number) =>
      labelTensor(filled(of.subarray(from, to), count));
    return (from: number, to: number, count: number) => ({
      y: classesOf(y, from, to, count),
      ...(targeted(loss) && { target: classesOf(target!, from, to, count) }),
    });
  };

  return {
    classes,

    async logits(x) {
      const program = await executable('logits', () => logitsProgram(model, logits));
      const all = await gathered(program, x, () => ({}), { logits: classes });
      assertFinite(all.logits, 'logits');
      return all.logits;
    },

    async gradient(loss, x, y, target): Promise<LossGradient> {
      const program = await executable(loss, () => classifierProgram(model, loss, { logits }));
      const sizes = { logits: classes, loss: 1, gradient: imageSize(x) };
      const all = await gathered(program, x, labels(loss, y, target), sizes);
      assertFinite(all.logits, 'logits');
      return all;
    },

    async ascend(loss, x, y, clean, { threat, stepSize, target }) {
      const own = typeof threat.epsilon !== 'number' || typeof stepSize !== 'number';
      const program = await executable(`${loss} ${threat.norm} ${own}`, () => ({
        ...classifierProgram(model, loss, { logits }),
        after: ascentGraph(threat.norm, own),
      }));
      const size = imageSize(x);
      const feeds = (from: number, to: number, count: number) => ({
        ...labels(loss, y, target)(from, to, count),
        clean: {
          dtype: 'float32' as const,
          shape: [count, ...x.shape.slice(1)],
          data: filled(clean.data.subarray(from * size, to * size), count * size),
        },
        epsilon: radius(threat.epsilon, own, from, count),
        step_size: radius(stepSize, own, from, count),
      });
      const all = await gathered(program, x, feeds, { logits: classes, next: size });
      assertFinite(all.logits, 'logits');
      return all;
    },
  };
}

const targeted = (loss: AttackLoss): boolean => loss.endsWith('-targeted');

/** As `ascentGraph` takes it: one number, or one per image of the batch (those that fill it up have 0). */
const radius = (value: PerImage, perImage: boolean, from: number, count: number): Tensor =>
  perImage
    ? float32(
        Float32Array.from({ length: count }, (_, i) => at(value, from + i) || 0),
        [count, 1, 1, 1],
      )
    : scalar(value as number);
