import { type Emitter, gradient } from '../../src/autodiff/index.ts';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import type { Graph, Tensor } from '../../src/graph/index.ts';

/** Runs a graph once, on one thread, without any engine around it. */
export async function evaluate(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const session = await Session.create(graph, { device: 'cpu', threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** The gradients of Σ `of`, evaluated at `feeds`, in the order of `wrt`. */
export async function gradientsAt(
  graph: Graph,
  of: string,
  wrt: readonly string[],
  feeds: Readonly<Record<string, Tensor>>,
  emitter: Emitter = 'cpu',
): Promise<Tensor[]> {
  const names = wrt.map((name) => `d_${name}`);
  const outputs = await evaluate(gradient(graph, { of, wrt, emitter }, names), feeds);
  return names.map((name) => outputs[name]!);
}

export const numbers = (t: Tensor): number[] => Array.from(t.data as ArrayLike<number | bigint>, Number);
