import type { Dim, Graph, Tensor, ValueInfo } from '../../graph/index.ts';
import type { Values } from '../engine.ts';
import { Session, type SessionOptions } from './session.ts';

/** A batch size seen this often gets a session of its own. */
const OFTEN = 4;
/** Sessions for single batch sizes, each with its own copy of the weights. */
const MOST = 3;

/**
 * A graph with a dynamic batch, loaded once for every batch size that comes often and once for all others. With the batch
 * known, onnxruntime keeps masks and sums in its blocked layout (of shapes with a symbol it cannot tell that they are
 * equal) and fuses more: 10 to 17 % of a convolutional network's gradient, measured on two cores.
 */
export class SessionByBatch {
  readonly #graph: Graph;
  readonly #options: SessionOptions;
  readonly #batch: BatchInput | undefined;
  readonly #seen = new Map<number, number>();
  readonly #sessions = new Map<number | 'any', Promise<Session>>();

  private constructor(graph: Graph, options: SessionOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#batch = batchInput(graph);
  }

  /** The graph is loaded for any batch at once, so that one that onnxruntime cannot run is refused here. */
  static async create(graph: Graph, options: SessionOptions): Promise<SessionByBatch> {
    const sessions = new SessionByBatch(graph, options);
    await sessions.#session('any');
    return sessions;
  }

  async run(feeds: Values): Promise<Record<string, Tensor>> {
    const size = this.#batch && feeds[this.#batch.input]?.shape[0];
    return (await this.#session(size === undefined ? 'any' : this.#chosen(size))).run(feeds);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).close();
    this.#sessions.clear();
  }

  #chosen(size: number): number | 'any' {
    if (this.#sessions.has(size)) return size;
    const times = (this.#seen.get(size) ?? 0) + 1;
    this.#seen.set(size, times);
    return times >= OFTEN && this.#sessions.size <= MOST ? size : 'any';
  }

  #session(size: number | 'any'): Promise<Session> {
    const open = this.#sessions.get(size);
    if (open) return open;
    const graph = size === 'any' ? this.#graph : withBatch(this.#graph, this.#batch!.symbol, size);
    const session = Session.create(graph, this.#options);
    this.#sessions.set(size, session);
    return session;
  }
}

/** The input that tells the batch, and its symbol. */
export interface BatchInput {
  readonly input: string;
  readonly symbol: string;
}

/** @returns undefined where the batch is fixed */
export function batchInput(graph: Graph): BatchInput | undefined {
  const first = graph.inputs.find((i) => !graph.initializers.has(i.name));
  const symbol = first?.type?.kind === 'tensor' ? first.type.shape?.[0] : undefined;
  return first && typeof symbol === 'string' ? { input: first.name, symbol } : undefined;
}

/** The graph with a number for a symbol in its inputs' and outputs' shapes. */
export function withBatch(graph: Graph, symbol: string, size: number): Graph {
  const fixed = ({ type, ...info }: ValueInfo): ValueInfo => {
    if (type?.kind !== 'tensor' || !type.shape) return type ? { ...info, type } : info;
    const shape = type.shape.map((d): Dim => (d === symbol ? size : typeof d === 'string' ? null : d));
    return { ...info, type: { ...type, shape } };
  };
  return { ...graph, inputs: graph.inputs.map(fixed), outputs: graph.outputs.map(fixed) };
}
