import { constantOf } from '../attributes.ts';
import { isFloat } from '../data-types.ts';
import type { Graph, Node, Tensor } from '../ir.ts';

/** Where an operator takes weights: the positions of its inputs that training changes. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Add: [0, 1],
  BatchNormalization: [1, 2],
  Concat: [0, 1, 2, 3],
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Einsum: [0, 1, 2],
  Expand: [0],
  Gemm: [0, 1, 2],
  GroupNormalization: [1, 2],
  GRU: [1, 2, 3],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  LSTM: [1, 2, 3],
  MatMul: [0, 1],
  Mul: [0, 1],
  PRelu: [1],
  RMSNormalization: [1],
  RNN: [1, 2, 3],
  Sum: [0, 1],
};

/** Operators that a normalisation of the pixels is written with. */
const PREPROCESSING = /^(Add|Sub|Mul|Div|Cast|Identity|Transpose|Clip)$/;

/** The constants of a graph by name, whether they are initializers or Constant nodes. */
export function constantsOf(graph: Graph): ReadonlyMap<string, Tensor> {
  const constants = new Map(graph.initializers);
  for (const n of graph.nodes) {
    const value = n.op === 'Constant' && n.domain === '' ? constantOf(n) : undefined;
    if (value) constants.set(n.outputs[0]!, value);
  }
  return constants;
}

/**
 * The float constants that training changes: weights, biases, scales, embeddings, whether they are initializers or Constant
 * nodes, and those that weights are computed from (transposed, standardised, normalised). Left out are scalars, the
 * statistics of BatchNormalization, and what normalises the pixels. A guess from the graph's form: a caller may name others.
 *
 * @returns names, in the order in which the graph first uses them
 */
export function parameterNames(graph: Graph): string[] {
  const leaves = constantsOf(graph);
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const fixed = constantValues(graph, leaves);
  const raw = preprocessedValues(graph, fixed);
  const statistics = new Set(
    graph.nodes.flatMap((n) => (n.op === 'BatchNormalization' ? n.inputs.slice(3, 5) : [])),
  );
  const found = new Set<string>();
  const visited = new Set<string>();
  // A single number beside an addition or a product is a constant of the formula (the 3 of a hard swish), not a weight.
  const collect = (start: string, least: number): void => {
    const stack = [start];
    for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
      if (!name || visited.has(name)) continue;
      visited.add(name);
      const leaf = leaves.get(name);
      if (leaf) {
        if (isFloat(leaf.dtype) && leaf.data.length >= least && !statistics.has(name)) found.add(name);
      } else stack.push(...(producers.get(name)?.inputs.toReversed() ?? []));
    }
  };
  for (const n of graph.nodes) {
    if (n.outputs.every((o) => fixed.has(o))) continue;
    const takes = n.domain === '' ? WEIGHTS[n.op] : undefined;
    if (!takes || n.inputs.some((i) => raw.has(i) && PREPROCESSING.test(n.op))) continue;
    for (const i of takes)
      if (n.inputs[i] && fixed.has(n.inputs[i]))
        collect(n.inputs[i], /^(Add|Mul|Sum|Concat)$/.test(n.op) ? 2 : 1);
  }
  return [...found];
}

/** What is computed from constants alone. */
function constantValues(graph: Graph, leaves: ReadonlyMap<string, Tensor>): ReadonlySet<string> {
  const fixed = new Set(leaves.keys());
  for (const n of graph.nodes)
    if (n.inputs.length > 0 && n.inputs.every((i) => i === '' || fixed.has(i)))
      for (const o of n.outputs) fixed.add(o);
  return fixed;
}

/** The images, and what is made of them before the first layer. */
function preprocessedValues(graph: Graph, fixed: ReadonlySet<string>): ReadonlySet<string> {
  const raw = new Set(graph.inputs.map((i) => i.name).filter((name) => !graph.initializers.has(name)));
  const only = (n: Node) => n.inputs.every((i) => i === '' || raw.has(i) || fixed.has(i));
  for (const n of graph.nodes)
    if (PREPROCESSING.test(n.op) && n.inputs.some((i) => raw.has(i)) && only(n)) raw.add(n.outputs[0]!);
  return raw;
}
