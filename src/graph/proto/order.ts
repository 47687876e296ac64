import type { Attribute, Graph, Node } from '../ir.ts';
import { subgraphsOf } from './attribute.ts';
import { malformed } from './fields.ts';
import { labelOf } from './graph.ts';

/**
 * The graph with every node after those it needs, subgraphs too; the graph itself where it already is so.
 * Otherwise the order changes no more than it must.
 *
 * @throws E_ONNX naming the nodes of a cycle.
 */
export function sortGraph(graph: Graph): Graph {
  const given = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  const nodes = sortNodes(graph.nodes.map(sortSubgraphs), given);
  return nodes.every((node, i) => node === graph.nodes[i]) ? graph : { ...graph, nodes };
}

function sortSubgraphs(node: Node): Node {
  let changed = false;
  const sorted = (graph: Graph): Graph => {
    const result = sortGraph(graph);
    changed ||= result !== graph;
    return result;
  };
  const attributes = new Map(
    [...node.attributes].map(([name, attribute]): [string, Attribute] => {
      if (attribute.type === 'graph') return [name, { ...attribute, value: sorted(attribute.value) }];
      if (attribute.type === 'graphs') return [name, { ...attribute, value: attribute.value.map(sorted) }];
      return [name, attribute];
    }),
  );
  return changed ? { ...node, attributes } : node;
}

/** `given`: names that are there before any node. */
function sortNodes(nodes: readonly Node[], given: ReadonlySet<string>): readonly Node[] {
  const maker = new Map<string, Node>();
  for (const node of nodes)
    for (const output of node.outputs)
      if (output && !given.has(output) && !maker.has(output)) maker.set(output, node);
  const done = new Set<Node>();
  const open = new Set<Node>();
  const sorted: Node[] = [];
  // Depth first with a stack of our own: a chain of nodes may be longer than JavaScript's.
  for (const root of nodes) {
    const stack: { node: Node; needs: Iterator<string> }[] = [];
    const enter = (node: Node): void => {
      open.add(node);
      stack.push({ node, needs: needsOf(node).values() });
    };
    if (!done.has(root)) enter(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.needs.next();
      if (next.done) {
        stack.pop();
        open.delete(top.node);
        done.add(top.node);
        sorted.push(top.node);
        continue;
      }
      const need = maker.get(next.value);
      if (!need || done.has(need)) continue;
      if (open.has(need))
        throw cycle(
          stack.map((entry) => entry.node),
          need,
        );
      enter(need);
    }
  }
  return sorted;
}

function cycle(path: readonly Node[], back: Node) {
  const round = path.slice(path.indexOf(back));
  const names = round.slice(0, 8).map(labelOf).join(', ');
  return malformed(
    `nodes that need each other in a cycle: ${names}${round.length > 8 ? ` and ${round.length - 8} more` : ''}`,
    'a graph without cycles',
    'export the model again',
  );
}

/** Every name a node needs: its inputs, and what its subgraphs take from around them. */
function needsOf(node: Node): Set<string> {
  const needs = new Set<string>(node.inputs.filter((name) => name !== ''));
  for (const attribute of node.attributes.values())
    for (const graph of subgraphsOf(attribute)) for (const name of freeNames(graph)) needs.add(name);
  return needs;
}

/** The names a graph uses and does not define: for a subgraph, what it takes from the graphs around it. */
export function freeNames(graph: Graph): Set<string> {
  const defined = new Set<string>([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const output of node.outputs) defined.add(output);
  const free = new Set<string>();
  for (const node of graph.nodes) for (const name of needsOf(node)) if (!defined.has(name)) free.add(name);
  for (const { name } of graph.outputs) if (!defined.has(name)) free.add(name);
  return free;
}
