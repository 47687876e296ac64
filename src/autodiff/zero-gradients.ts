import { type Graph, GraphBuilder, isFloat, type Node, nodeLabel, type Value } from '../graph/index.ts';

/** A node whose gradient is not what backward passes through it. */
export interface ZeroGradient {
  readonly label: string;
  readonly op: string;
  /** `straight-through`: passed though the true gradient is zero. `zero`: nothing passes. */
  readonly kind: 'straight-through' | 'zero';
}

const STRAIGHT_THROUGH = new Set(['Round', 'Floor', 'Ceil', 'QuantizeLinear']);

/** Steps: their output does not change with small changes of their input. */
const STEPS = new Set([
  ...['ArgMax', 'ArgMin', 'Bernoulli', 'Hardmax', 'IsInf', 'IsNaN', 'NonZero', 'Sign'],
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'],
]);

/** Inputs that choose among values, or say how many there are: a step there is no loss. */
const SELECTORS: Readonly<Record<string, readonly number[]>> = {
  ConstantOfShape: [0],
  Expand: [1],
  EyeLike: [0],
  Gather: [1],
  GatherElements: [1],
  GatherND: [1],
  RandomNormalLike: [0],
  RandomUniformLike: [0],
  Reshape: [1],
  ScatterElements: [1],
  ScatterND: [1],
  Shape: [0],
  Size: [0],
  Where: [0],
};

/**
 * The nodes between `wrt` and `of` through which the true gradient is zero: quantisers that backward passes straight
 * through, and steps that stop it. A step that only chooses (the condition of a Where, an index) is none of them.
 *
 * @returns in the graph's order
 */
export function zeroGradientNodes(
  graph: Graph | GraphBuilder,
  { of, wrt }: { readonly of: Value; readonly wrt: readonly Value[] },
): ZeroGradient[] {
  const b = graph instanceof GraphBuilder ? graph : GraphBuilder.from(graph);
  const depends = new Set(wrt);
  for (const node of b.nodes)
    if (node.inputs.some((i) => depends.has(i))) for (const o of node.outputs) if (o) depends.add(o);

  const reached = new Set([of]);
  const found: ZeroGradient[] = [];
  for (const node of b.nodes.toReversed()) {
    if (!node.outputs.some((o) => depends.has(o) && reached.has(o))) continue;
    const kind = kindOf(b, node);
    if (kind) found.push({ label: nodeLabel(node), op: node.op, kind });
    if (kind === 'zero') continue;
    for (const [i, input] of node.inputs.entries())
      if (depends.has(input) && !SELECTORS[node.op]?.includes(i)) reached.add(input);
  }
  return found.reverse();
}

function kindOf(b: GraphBuilder, node: Node): ZeroGradient['kind'] | undefined {
  if (STRAIGHT_THROUGH.has(node.op)) return 'straight-through';
  if (STEPS.has(node.op)) return 'zero';
  if (node.op !== 'Cast' || !isFloat(b.type(node.inputs[0]!).dtype)) return undefined;
  return isFloat(b.type(node.outputs[0]!).dtype) ? undefined : 'zero';
}
