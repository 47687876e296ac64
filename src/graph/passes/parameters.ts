import type { Graph } from '../ir.ts';

/** The running means and variances of BatchNormalization. */
export const statisticNames = (graph: Graph): string[] => [
  ...new Set(graph.nodes.flatMap((n) => (n.op === 'BatchNormalization' ? n.inputs.slice(3, 5) : []))),
];

/** Turns initializers into inputs, so that their values can change from run to run. */
export function asInputs(graph: Graph, names: readonly string[]): Graph {
  const moved = new Set(names);
  const inputs = names.map((name) => {
    const tensor = graph.initializers.get(name);
    if (!tensor) throw new Error(`no initializer "${name}"`);
    return { name, type: { kind: 'tensor', dtype: tensor.dtype, shape: tensor.shape } } as const;
  });
  return {
    ...graph,
    inputs: [...graph.inputs.filter((i) => !moved.has(i.name)), ...inputs],
    initializers: new Map([...graph.initializers].filter(([name]) => !moved.has(name))),
  };
}

/** The same graph with other values for some initializers. */
export const withValues = (graph: Graph, values: Graph['initializers']): Graph => ({
  ...graph,
  initializers: new Map([...graph.initializers].map(([name, t]) => [name, values.get(name) ?? t])),
});

/**
 * BatchNormalization in training mode: it normalises by the batch's own statistics and puts out the running ones,
 * as graph outputs named `<statistic>_next`.
 */
export function inTrainingMode(graph: Graph): Graph {
  const outputs = [...graph.outputs];
  const nodes = graph.nodes.map((n) => {
    if (n.op !== 'BatchNormalization') return n;
    const statistics = n.inputs.slice(3, 5).map((name) => `${name}_next`);
    for (const [i, name] of statistics.entries()) {
      const tensor = graph.initializers.get(n.inputs[3 + i]!);
      outputs.push({ name, type: { kind: 'tensor', dtype: 'float32', shape: tensor?.shape ?? [null] } });
    }
    const attributes = new Map(n.attributes).set('training_mode', { type: 'int', value: 1 });
    return { ...n, outputs: [n.outputs[0]!, ...statistics], attributes };
  });
  return { ...graph, nodes, outputs };
}
