import { type Graph, GraphBuilder, type Tensor, toModel, writeModel } from '../../graph/index.ts';
import type { Values } from '../engine.ts';
import { type BatchInput, batchInput, withBatch } from './by-batch.ts';
import { Session, type SessionOptions } from './session.ts';

/**
 * What loading costs and what a run with constant weights saves, in milliseconds: fits to measurements on two cores, to decide
 * by. They depend on shapes alone, so that a run that is resumed takes the same kernels.
 */
const LOADING = { once: 10, perMegabyte: 4.5 } as const;
/** Per million elements that convolutions put out: 5 (MNIST net) to 7 (ResNet-18). */
const SAVED = 5;

/**
 * A gradient program with the parameters as they are now for constants. onnxruntime packs constant weights once and keeps their
 * convolutions in its blocked layout: a gradient takes 55 % (MNIST net, batch 512) to 75 % (ResNet-18) of the time it takes
 * with weights that are fed. Loading takes as long as a few steps, so this is for several runs between two updates.
 *
 * The model's bytes stay the same; the weights are handed over beside them, in place.
 */
export class BakedSession {
  readonly #graph: Graph;
  readonly #locations: ReadonlyMap<string, string>;
  readonly #options: SessionOptions;
  readonly #batch: BatchInput | undefined;
  /** What convolutions put out for an image, in millions of elements. */
  readonly #convolved: number;
  readonly #megabytes: number;
  #written: { readonly batch: number; readonly bytes: Uint8Array } | undefined;
  /** With the weights' arrays, which onnxruntime reads where they are. */
  #loaded:
    | {
        readonly batch: number;
        readonly session: Session;
        readonly weights: ReadonlyMap<string, Float32Array>;
      }
    | undefined;

  /**
   * @param lowered the program's graph, with the parameters among its inputs
   * @param forward the program's forward graph, likewise
   */
  constructor(
    lowered: Graph,
    forward: Graph,
    parameters: ReadonlyMap<string, Tensor>,
    options: SessionOptions,
  ) {
    const baked = lowered.inputs.filter((i) => parameters.has(i.name)).map((i) => i.name);
    const constants = baked.map((name) => [name, parameters.get(name)!] as const);
    this.#graph = {
      ...lowered,
      inputs: lowered.inputs.filter((i) => !parameters.has(i.name)),
      initializers: new Map([...lowered.initializers, ...constants]),
    };
    this.#locations = new Map(baked.map((name, i) => [name, String(i)]));
    this.#options = options;
    this.#batch = batchInput(this.#graph);
    this.#convolved = convolved(forward) / 1e6;
    this.#megabytes = constants.reduce((sum, [, t]) => sum + 4 * t.data.length, 0) / 2 ** 20;
  }

  /** Whether it pays for so many runs on these images. */
  pays(feeds: Values, runs: number): boolean {
    const saved = SAVED * this.#convolved * this.#imagesIn(feeds) * runs;
    return saved > LOADING.once + LOADING.perMegabyte * this.#megabytes;
  }

  /** The session for these images and these parameters, whose arrays must not be written to until it is closed. */
  async load(parameters: ReadonlyMap<string, Tensor>, feeds: Values): Promise<Session> {
    const batch = this.#imagesIn(feeds);
    const weights = new Map(
      [...this.#locations].map(([name, location]) => [location, parameters.get(name)!.data as Float32Array]),
    );
    const loaded = this.#loaded;
    const same =
      loaded?.batch === batch && [...weights].every(([at, data]) => loaded.weights.get(at) === data);
    if (same) return loaded.session;
    await this.close();
    if (this.#written?.batch !== batch) {
      const graph = this.#batch ? withBatch(this.#graph, this.#batch.symbol, batch) : this.#graph;
      this.#written = { batch, bytes: writeModel(toModel(graph), this.#locations) };
    }
    const session = await Session.fromBytes(this.#written.bytes, this.#options, weights);
    this.#loaded = { batch, session, weights };
    return session;
  }

  async close(): Promise<void> {
    await this.#loaded?.session.close();
    this.#loaded = undefined;
  }

  #imagesIn(feeds: Values): number {
    return (this.#batch && feeds[this.#batch.input]?.shape[0]) ?? 1;
  }
}

/** Elements that a graph's convolutions put out, a dynamic size counting as 1. */
function convolved(graph: Graph): number {
  const b = GraphBuilder.from(graph);
  const size = (sum: number, d: unknown) => (typeof d === 'number' ? sum * d : sum);
  const outputs = b.nodes.filter((node) => node.op === 'Conv').map((node) => b.shape(node.outputs[0]!));
  return outputs.reduce((sum, shape) => sum + shape.reduce(size, 1), 0);
}
