import * as tf from '@tensorflow/tfjs-core';
import { backward } from '../../autodiff/index.ts';
import { TouchstoneError } from '../../errors.ts';
import { type DataType, type Graph, GraphBuilder, type Tensor, tensorOf } from '../../graph/index.ts';
import type { Loop, Program, Values } from '../engine.ts';
import { checkFeeds, type DeclaredInput } from '../feeds.ts';
import { valueAndGradients } from './gradients.ts';
import { Held, upload } from './held.ts';
import { Interpreter } from './interpreter.ts';

/** Live values that stand for initializers: a trainer's parameters. */
export type Live = ReadonlyMap<string, Held>;

const ONCE: Loop = { carry: {}, times: 1 };

/** A program's feeds on the device, by name. */
type Fed = ReadonlyMap<string, tf.Tensor>;

/**
 * A program compiled for tfjs: the forward graph is interpreted, `tf.grads` differentiates it. Hessian-vector products
 * differentiate our own gradient graph once more, as tfjs has no second derivatives of poolings and of many other kernels.
 */
export class TensorflowProgram {
  readonly program: Program;
  readonly #inputs: readonly (DeclaredInput & { readonly dtype: DataType })[];
  readonly #forward: Interpreter;
  readonly #after: Interpreter | undefined;
  /** ⟨∇ℓ, v⟩ and what it is made from, where a Hessian-vector product is wanted. */
  readonly #product: Interpreter | undefined;

  /** @throws E_UNSUPPORTED naming the first node that tfjs has no operators for */
  constructor(program: Program, live: Live = new Map()) {
    this.program = program;
    const { graph, gradient, after } = program;
    this.#forward = new Interpreter(graph);
    this.#after = after && new Interpreter(after);
    this.#product = gradient?.along && new Interpreter(productGraph(program));
    const given = new Set([...graph.initializers.keys(), ...live.keys()]);
    const further = (after?.inputs ?? []).filter(
      (i) => !graph.inputs.some((o) => o.name === i.name) && !gradient?.names.includes(i.name),
    );
    this.#inputs = [...graph.inputs, ...further].flatMap(({ name, type }) =>
      given.has(name) || type?.kind !== 'tensor'
        ? []
        : [{ name, dtype: type.dtype, shape: type.shape ?? [] }],
    );
  }

  /**
   * Runs it once, or over and over with results fed back, which stay on the device meanwhile.
   *
   * @param use what is done with the last outputs and gradients while they are on the device
   * @throws E_SHAPE where a feed does not fit, E_ENGINE where TensorFlow fails
   */
  execute<T>(feeds: Values, live: Live, use: (results: Map<string, Held>) => T, loop: Loop = ONCE): T {
    checkFeeds(this.#inputs, feeds);
    const kept = new Keeper();
    return inScope(() => {
      try {
        const fed = new Map(this.#inputs.map(({ name }) => [name, upload(feeds[name]!)]));
        for (let t = 1; t < loop.times; t++) {
          const carried = new Keeper();
          inScope(() => {
            const results = this.#run(fed, live, kept);
            for (const [input, output] of Object.entries(loop.carry))
              fed.set(input, carried.keep(results.get(output)!.plain()));
          });
          kept.replaceBy(carried);
        }
        return use(this.#run(fed, live, kept));
      } finally {
        kept.free();
      }
    });
  }

  close(): void {
    for (const interpreter of [this.#forward, this.#after, this.#product]) interpreter?.close();
  }

  #run(fed: Fed, live: Live, kept: Keeper): Map<string, Held> {
    const { graph, gradient } = this.program;
    // Anew for each interpreter: what a feed was turned into under a tape is freed with the tape.
    const values = () =>
      new Map([
        ...live,
        ...this.#inputs.map(({ name, dtype }) => [name, Held.plain(dtype, fed.get(name)!)] as const),
      ]);
    if (!gradient) return this.#forward.run(values(), { free: true });

    const results = new Map<string, Held>();
    /** The gradients of Σ `of`; the graph's outputs outlive the tape in `results`. */
    const differentiated = (interpreter: Interpreter, of: string, wrt: readonly string[]): tf.Tensor[] =>
      valueAndGradients(
        () => {
          const outputs = interpreter.run(values());
          for (const { name } of graph.outputs) {
            const held = outputs.get(name)!;
            results.set(name, held.known() ? held : Held.plain(held.dtype, kept.keep(held.plain())));
          }
          return tf.sum(outputs.get(of)!.plain());
        },
        wrt.map((name) => live.get(name)?.plain() ?? fed.get(name)!),
      ).gradients;

    const found = new Map<string, Held>();
    const { of, wrt, names, along } = gradient;
    if (along) {
      const [product] = differentiated(this.#product!, PRODUCT, wrt.slice(0, 1));
      found.set(along.name, Held.plain('float32', product!));
    }
    if (names.length > 0)
      for (const [i, g] of differentiated(this.#forward, of, wrt).entries())
        found.set(names[i]!, Held.plain('float32', g));
    const rest = this.#after ? this.#after.run(new Map([...values(), ...found]), { free: true }) : found;
    for (const [name, held] of rest) results.set(name, held);
    return results;
  }
}

const PRODUCT = 'gradient_along';

/** The graph with Σ ∇ℓ·v, the gradient by our own rules, as its further output. */
function productGraph({ graph, gradient }: Program): Graph {
  const { of, wrt, along } = gradient!;
  const b = GraphBuilder.from(graph);
  const [first] = backward(b, { of, wrt: wrt.slice(0, 1), emitter: 'cuda' });
  for (const { name } of graph.outputs) b.output(name);
  b.output(b.op('Mul', [first!, along!.vector]), PRODUCT);
  return b.build(graph.name);
}

/** Tensors that outlive the scopes they were made in, until they are freed. */
class Keeper {
  #tensors: tf.Tensor[] = [];

  /** A copy that shares the tensor's memory. */
  keep(tensor: tf.Tensor): tf.Tensor {
    const copy = tf.keep(tf.clone(tensor));
    this.#tensors.push(copy);
    return copy;
  }

  /** Frees its own and takes over another's. */
  replaceBy(other: Keeper): void {
    this.free();
    this.#tensors = other.#tensors;
  }

  free(): void {
    for (const t of this.#tensors) t.dispose();
    this.#tensors = [];
  }
}

/** Values as plain arrays. */
export const downloaded = (values: ReadonlyMap<string, Held>): Record<string, Tensor> =>
  Object.fromEntries([...values].map(([name, held]) => [name, download(held)]));

/** A value as a plain array. */
export function download(held: Held): Tensor {
  const known = held.known();
  if (known) return tensorOf(known);
  const { dtype, shape } = held;
  const data = held.plain().dataSync();
  if (dtype === 'float32') return { dtype, shape, data: Float32Array.from(data) };
  if (dtype === 'bool') return { dtype, shape, data: Uint8Array.from(data) };
  return tensorOf({ dtype, shape, data: Float64Array.from(data) });
}

/** Device work whose result is not on the device: nothing that it made, and has not been kept, stays there. */
export function inScope<T>(work: () => T): T {
  const engine = tf.engine();
  engine.startScope();
  try {
    return work();
  } catch (error) {
    if (error instanceof TouchstoneError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new TouchstoneError('E_ENGINE', `TensorFlow failed: ${text.slice(0, 400)}`, undefined, undefined, {
      cause: error,
    });
  } finally {
    engine.endScope();
  }
}
