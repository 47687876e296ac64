import { GraphBuilder } from '../builder.ts';
import type { Graph } from '../ir.ts';
import { activations } from './reform-activations.ts';
import { affines } from './reform-affine.ts';
import { gemms } from './reform-gemm.ts';
import { integers } from './reform-integer.ts';
import { layerNormalizations } from './reform-layer-norm.ts';
import { layouts } from './reform-layout.ts';
import { pads } from './reform-pad.ts';
import type { Reform, ReformContext } from './reform-pattern.ts';
import { softmaxes } from './reform-softmax.ts';
import { valueNames } from './rename.ts';
import { dropNoOps } from './simplify.ts';

/** In this order: what one leaves another may find. */
const PASSES: readonly Reform[] = [
  layouts,
  layerNormalizations,
  activations,
  softmaxes,
  gemms,
  pads,
  affines,
  integers,
];

export interface ReformOptions {
  /** Initializers that are to be trained: they stay under their own names and are folded into nothing. */
  readonly live?: ReadonlySet<string>;
}

/**
 * Writes what exporters spell out as one operator again, so that gradient graphs are short and their formulas stable. Takes
 * time linear in the number of nodes. The graph must be one of OPS; outputs keep their names.
 *
 * @throws E_UNSUPPORTED, E_SHAPE where the types of its values cannot be inferred
 */
export function reform(graph: Graph, { live = new Set() }: ReformOptions = {}): Graph {
  // Values inside a subgraph are used where no pass looks.
  if (
    graph.nodes.some((n) => [...n.attributes.values()].some((a) => a.type === 'graph' || a.type === 'graphs'))
  )
    return graph;
  const typed = GraphBuilder.from(graph);
  const names = valueNames(graph);
  const context: ReformContext = {
    type: (value) => (value !== '' && names.has(value) ? typed.type(value) : undefined),
    live,
  };
  return dropNoOps(PASSES.reduce((g, pass) => pass(g, context), graph));
}
