import { TouchstoneError } from '../../errors.ts';
import type { Graph, Node } from '../ir.ts';
import { nodeLabel } from '../shapes/rule.ts';
import { callKernel } from './call.ts';
import { denseOf } from './convert.ts';
import { DEFAULT_LIMIT, type Dense } from './kernel.ts';

/** The values of the graphs around an `If`. */
type Outer = (name: string) => Dense | undefined;

/**
 * Runs a graph in float64.
 *
 * @param feeds a value for each input, and for any initializer that is to be another
 * @param options.limit the elements that any value may have
 * @default options.limit 2^26
 * @returns every output of the graph by name
 * @throws E_UNSUPPORTED naming the node that cannot be run; E_SHAPE, E_RANGE or E_ONNX where it does not fit together
 */
export function evaluate(
  graph: Graph,
  feeds: ReadonlyMap<string, Dense>,
  options: { readonly limit?: number } = {},
): Map<string, Dense> {
  return run(graph, feeds, options.limit ?? DEFAULT_LIMIT, () => undefined);
}

function run(
  graph: Graph,
  feeds: ReadonlyMap<string, Dense>,
  limit: number,
  outer: Outer,
): Map<string, Dense> {
  const values = new Map(feeds);
  const value: Outer = (name) => {
    const known = values.get(name);
    if (known) return known;
    // An initializer is widened where it is first used.
    const initializer = graph.initializers.get(name);
    if (!initializer) return outer(name);
    const dense = denseOf(initializer);
    values.set(name, dense);
    return dense;
  };
  const expiring = lastUses(graph);
  for (const [i, node] of graph.nodes.entries()) {
    const outputs =
      node.op === 'If' && node.domain === '' ? branch(node, value, limit) : call(node, value, limit);
    for (const [k, name] of node.outputs.entries()) {
      if (!name) continue;
      const output = outputs[k];
      if (!output)
        throw new TouchstoneError(
          'E_UNSUPPORTED',
          `output ${k} of ${nodeLabel(node)}`,
          `one of the ${outputs.length} that its operator gives`,
        );
      values.set(name, output);
    }
    for (const name of expiring[i]!) values.delete(name);
  }
  const results = new Map<string, Dense>();
  for (const { name } of graph.outputs) results.set(name, found(value, name, `output "${name}"`));
  return results;
}

function found(value: Outer, name: string, by: string): Dense {
  const dense = value(name);
  if (!dense)
    throw new TouchstoneError(
      'E_ONNX',
      `${by} needs "${name}"`,
      'an input that is fed, or a value before it',
    );
  return dense;
}

const call = (node: Node, value: Outer, limit: number): readonly Dense[] =>
  callKernel(
    node,
    node.inputs.map((name) => (name ? found(value, name, nodeLabel(node)) : undefined)),
    limit,
  );

/** `If`: the branch that the condition chooses, which sees the values around it. */
function branch(node: Node, value: Outer, limit: number): readonly Dense[] {
  const condition = found(value, node.inputs[0] ?? '', nodeLabel(node));
  const name = condition.data[0] ? 'then_branch' : 'else_branch';
  const chosen = node.attributes.get(name);
  if (chosen?.type !== 'graph' || condition.data.length !== 1)
    throw new TouchstoneError('E_ONNX', nodeLabel(node), `one condition, and a graph as ${name}`);
  const outputs = run(chosen.value, new Map(), limit, value);
  return chosen.value.outputs.map((o) => outputs.get(o.name)!);
}

/** For each node, the values that nothing after it needs. */
function lastUses(graph: Graph): string[][] {
  const last = new Map<string, number>();
  const use = (nodes: readonly Node[], at: number | undefined): void => {
    for (const [i, node] of nodes.entries()) {
      for (const name of [...node.inputs, ...node.outputs]) last.set(name, at ?? i);
      for (const a of node.attributes.values()) {
        const inner = a.type === 'graph' ? [a.value] : a.type === 'graphs' ? a.value : [];
        for (const g of inner) {
          use(g.nodes, at ?? i);
          for (const { name } of g.outputs) last.set(name, at ?? i);
        }
      }
    }
  };
  use(graph.nodes, undefined);
  for (const { name } of graph.outputs) last.delete(name);
  const expiring: string[][] = graph.nodes.map(() => []);
  for (const [name, i] of last) expiring[i]!.push(name);
  return expiring;
}
