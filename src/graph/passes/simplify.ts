import { intOf } from '../attributes.ts';
import type { Graph, Node } from '../ir.ts';
import { subgraphsOf } from '../proto/attribute.ts';
import { freeNames } from '../proto/order.ts';
import { rename } from './rename.ts';

/**
 * Drops what does nothing in inference: Identity, and Dropout whose training_mode is off (its mask must be unused).
 * A node whose output is a graph output stays, as the output would lose its name.
 */
export function dropNoOps(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const used = new Set([...graph.nodes.flatMap((n) => n.inputs), ...outputs]);
  const names = new Map<string, string>();
  const nodes: Node[] = [];
  for (const n of graph.nodes) {
    const [source, result] = [n.inputs[0] ?? '', n.outputs[0] ?? ''];
    if (isNoOp(n, used) && !outputs.has(result)) names.set(result, names.get(source) ?? source);
    else nodes.push(n);
  }
  return names.size === 0 ? graph : rename({ ...graph, nodes }, names);
}

function isNoOp(n: Node, used: ReadonlySet<string>): boolean {
  if (n.domain !== '') return false;
  if (n.op === 'Identity') return true;
  const mask = n.outputs[1];
  return (
    n.op === 'Dropout' && !n.inputs[2] && intOf(n, 'training_mode', 0) === 0 && !(mask && used.has(mask))
  );
}

/** Drops nodes that no output needs, and the initializers that no node takes. */
export function withoutUnused(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map((o) => o.name));
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((o) => o !== '' && needed.has(o))) continue;
    nodes.push(node);
    for (const i of node.inputs) needed.add(i);
    for (const a of node.attributes.values())
      for (const g of subgraphsOf(a)) for (const name of freeNames(g)) needed.add(name);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: nodes.reverse(), initializers };
}
