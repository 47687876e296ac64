import { classifierProgram, type Engine, type Program, type Values } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { asInputs, type Graph, GraphBuilder, type Tensor } from '../../src/graph/index.ts';

/** Both engines, each with a thread per core. */
export async function bothEngines(): Promise<{ tensorflow: Engine; onnxruntime: Engine }> {
  return {
    tensorflow: await tensorflowEngine({ device: 'cpu' }),
    onnxruntime: onnxruntimeEngine({ device: 'cpu' }),
  };
}

export async function once(engine: Engine, program: Program, feeds: Values): Promise<Record<string, Tensor>> {
  const compiled = await engine.compile(program);
  try {
    return await compiled.run(feeds);
  } finally {
    await compiled.close();
  }
}

/** The mean cross-entropy with its gradient by each of `names`, which are inputs. */
export function parameterProgram(model: Graph, names: readonly string[], logits?: string): Program {
  const { graph } = classifierProgram(model, 'ce', { differentiate: false, ...(logits ? { logits } : {}) });
  const b = GraphBuilder.from(asInputs(graph, names));
  for (const { name } of graph.outputs) b.output(name);
  b.output(b.op('ReduceMean', ['loss'], { keepdims: 0 }), 'mean');
  const gradient = { of: 'mean', wrt: names, names: names.map((name) => `d_${name}`) };
  return { graph: b.build(), gradient };
}

/** The largest difference, relative to the largest number. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [worst, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return worst === 0 ? 0 : worst / largest;
}

/** The same for each image by itself. */
export function differences(a: Tensor, b: Tensor): number[] {
  const [n] = b.shape as [number];
  const width = b.data.length / n;
  const row = (t: Tensor, i: number) => (t.data as Float32Array).subarray(i * width, (i + 1) * width);
  return Array.from({ length: n }, (_, i) => difference(row(a, i), row(b, i)));
}

export const floats = (t: Tensor): Float32Array => t.data as Float32Array;

/** The network without kinks: Softplus for ReLU, averages for maxima. */
export const smoothed = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => {
    if (node.op === 'Relu') return { ...node, op: 'Softplus' };
    return node.op === 'MaxPool' ? { ...node, op: 'AveragePool' } : node;
  }),
});
