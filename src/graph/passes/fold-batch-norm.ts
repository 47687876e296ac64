import { float32, floatOf, intOf } from '../attributes.ts';
import { asFloat32 } from '../fold.ts';
import type { Graph, Node, Tensor } from '../ir.ts';
import { valueNames } from './rename.ts';

/**
 * Folds BatchNormalization in inference mode into the convolution or Gemm before it, where that one's output goes
 * nowhere else: W′ = W·s, b′ = (b − μ)·s + β, with s = γ/√(σ² + ε), computed in float64 and rounded once.
 *
 * @param options.live initializers that are to be trained: what takes one of them stays as it is
 */
export function foldBatchNorm(graph: Graph, options: { readonly live?: ReadonlySet<string> } = {}): Graph {
  const initializers = new Map(graph.initializers);
  const constant = (name: string | undefined) =>
    name && !options.live?.has(name) ? asFloat32(initializers.get(name)) : undefined;
  const uses = new Map<string, number>();
  for (const n of graph.nodes) for (const i of n.inputs) uses.set(i, (uses.get(i) ?? 0) + 1);
  for (const o of graph.outputs) uses.set(o.name, (uses.get(o.name) ?? 0) + 1);
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const replaced = new Map<Node, Node | null>();
  const taken = valueNames(graph);
  const fresh = (name: string): string => {
    let free = name;
    for (let i = 1; taken.has(free); i++) free = `${name}_${i}`;
    taken.add(free);
    return free;
  };

  for (const bn of graph.nodes) {
    if (bn.op !== 'BatchNormalization' || bn.domain !== '' || intOf(bn, 'training_mode', 0) === 1) continue;
    const layer = producers.get(bn.inputs[0]!);
    if (!layer || uses.get(bn.inputs[0]!) !== 1 || replaced.has(layer) || !foldable(layer)) continue;
    const vectors = bn.inputs.slice(1, 5).map((v) => constant(v)?.data);
    const weight = constant(layer.inputs[1]);
    const bias = layer.inputs[2] ? constant(layer.inputs[2]) : undefined;
    if (!weight || vectors.some((v) => !v) || (layer.inputs[2] && !bias)) continue;
    const [gamma, beta, mean, variance] = vectors as Float32Array[];
    // Gemm broadcasts its C, which is a bias only where it has one element per output.
    if (bias && (bias.shape.at(-1) !== gamma!.length || bias.data.length !== gamma!.length)) continue;
    const epsilon = floatOf(bn, 'epsilon', 1e-5);
    const scale = Float64Array.from(gamma!, (g, c) => g / Math.sqrt(variance![c]! + epsilon));

    // One layer's weight may serve several: each folded one gets a name of its own.
    const weightName = fresh(`${layer.inputs[1]}_folded`);
    const biasName = fresh(`${layer.inputs[2] || layer.inputs[1]}_folded_bias`);
    initializers.set(weightName, scaledRows(weight, scale, layer));
    initializers.set(
      biasName,
      float32(Float32Array.from(scale, (s, c) => ((bias?.data[c] ?? 0) - mean![c]!) * s + beta![c]!)),
    );
    replaced.set(layer, {
      ...layer,
      inputs: [layer.inputs[0]!, weightName, biasName],
      outputs: [bn.outputs[0]!],
    });
    replaced.set(bn, null);
  }

  const nodes = graph.nodes.flatMap((n) => {
    const r = replaced.get(n);
    return r === null ? [] : [r ?? n];
  });
  const used = new Set(nodes.flatMap((n) => n.inputs));
  return { ...graph, nodes, initializers: new Map([...initializers].filter(([name]) => used.has(name))) };
}

const foldable = (n: Node): boolean =>
  n.domain === '' &&
  (n.op === 'Conv' || (n.op === 'Gemm' && floatOf(n, 'alpha', 1) === 1 && floatOf(n, 'beta', 1) === 1));

/** Multiplies the weights of output channel c by scale[c]; Gemm keeps its outputs in rows or in columns. */
function scaledRows(weight: Tensor<Float32Array>, scale: Float64Array, layer: Node): Tensor<Float32Array> {
  const byColumn = layer.op === 'Gemm' && intOf(layer, 'transB', 0) === 0;
  const row = weight.data.length / scale.length;
  const data = weight.data.map((v, i) => v * scale[byColumn ? i % scale.length : Math.floor(i / row)]!);
  return float32(data, weight.shape);
}
