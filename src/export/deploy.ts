import { type Dim, dropNoOps, foldBatchNorm, type Graph, type Model, toModel } from '../graph/index.ts';

/**
 * A trained graph in the form to deploy: BatchNormalization folded, no-ops dropped, the batch dimension dynamic.
 *
 * @param metadata goes into the file's metadata_props
 */
export function deployable(graph: Graph, metadata: ReadonlyMap<string, string>): Model {
  return toModel(dynamicBatch(foldBatchNorm(dropNoOps(graph))), metadata);
}

/** Dimension 0 of every input and output becomes `N`. */
function dynamicBatch(graph: Graph): Graph {
  const open = (list: Graph['inputs']): Graph['inputs'] =>
    list.map((v) => {
      if (v.type?.kind !== 'tensor' || !v.type.shape || graph.initializers.has(v.name)) return v;
      const shape: Dim[] = ['N', ...v.type.shape.slice(1)];
      return { ...v, type: { ...v.type, shape } };
    });
  return { ...graph, inputs: open(graph.inputs), outputs: open(graph.outputs) };
}
