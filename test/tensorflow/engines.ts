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
  // A name that the builder chose: files have values named mean.
  const mean = b.op('ReduceMean', ['loss'], { keepdims: 0 });
  b.output(mean);
  const gradient = { of: mean, wrt: names, names: names.map((name) => `d_${name}`) };
  return { graph: b.build(), gradient };
}

export const largest = (v: Float32Array): number => v.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** The largest difference, relative to the largest number, or to `least` where that is more. */
export function difference(a: Float32Array, b: Float32Array, least = 0): number {
  const worst = b.reduce((most, v, i) => Math.max(most, Math.abs(a[i]! - v)), 0);
  return worst === 0 ? 0 : worst / Math.max(largest(b), least);
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
