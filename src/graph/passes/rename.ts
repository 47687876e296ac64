import type { Attribute, Graph, Node } from '../ir.ts';
import { subgraphsOf } from '../proto/attribute.ts';

/** Renames values throughout a graph, its subgraphs included. */
export function rename(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const to = (name: string) => names.get(name) ?? name;
  const renamed = <T extends { readonly name: string }>(list: readonly T[]): T[] =>
    list.map((v) => ({ ...v, name: to(v.name) }));
  const attribute = (a: Attribute): Attribute => {
    if (a.type === 'graph') return { ...a, value: rename(a.value, names) };
    return a.type === 'graphs' ? { ...a, value: a.value.map((g) => rename(g, names)) } : a;
  };
  const node = (n: Node): Node => ({
    ...n,
    inputs: n.inputs.map(to),
    outputs: n.outputs.map(to),
    attributes: new Map([...n.attributes].map(([k, a]) => [k, attribute(a)])),
  });
  return {
    ...graph,
    inputs: renamed(graph.inputs),
    outputs: renamed(graph.outputs),
    valueInfo: renamed(graph.valueInfo),
    nodes: graph.nodes.map(node),
    initializers: new Map([...graph.initializers].map(([k, t]) => [to(k), t])),
  };
}

/** Every name a graph uses for a value. */
export function valueNames(graph: Graph): Set<string> {
  const names = new Set<string>(graph.initializers.keys());
  for (const { name } of [...graph.inputs, ...graph.outputs]) names.add(name);
  for (const node of graph.nodes) for (const v of [...node.inputs, ...node.outputs]) names.add(v);
  return names;
}

/** The same, with the names of all graphs inside it; node names, too, as made-up nodes are named after their outputs. */
export function deepNames(graph: Graph, names = new Set<string>()): Set<string> {
  for (const name of valueNames(graph)) names.add(name);
  for (const node of graph.nodes) {
    names.add(node.name);
    for (const a of node.attributes.values()) for (const g of subgraphsOf(a)) deepNames(g, names);
  }
  return names;
}
