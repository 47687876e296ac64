import { type Dense, evaluate, type Graph, GraphBuilder } from '../graph/index.ts';

/**
 * Logits in float64, by the reference interpreter: slow, readable, and no code of an engine in it.
 *
 * @param x `[N, C, H, W]`, row-major
 * @returns `[N, K]`, row-major
 */
export type Reference = (x: Float64Array, shape: readonly number[]) => Float64Array;

/** @param graph as `inspect` gives it: one input, the images; one output, the logits */
export function referenceOf(graph: Graph): Reference {
  const input = graph.inputs.find((i) => !graph.initializers.has(i.name))!.name;
  const output = graph.outputs[0]!.name;
  const b = GraphBuilder.from(graph);
  b.output(output);
  const alone = b.build();
  return (data, shape) => {
    const x: Dense = { dtype: 'float32', shape, data };
    return evaluate(alone, new Map([[input, x]])).get(output)!.data;
  };
}
