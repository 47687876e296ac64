import type { Attribute, Graph, Node, Tensor } from '../ir.ts';
import { isRandom } from './folding-builder.ts';
import { rename } from './rename.ts';

/** Constants of more elements than this are told apart by name, not by what they hold. */
const MOST_ELEMENTS = 64;

/**
 * Merges nodes that compute the same from the same: one operator, equal attributes, equal inputs. What is drawn at random
 * stays apart, and so does a node that gives an output of the graph.
 */
export function mergeDuplicates(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const constants = new Map([...graph.initializers].map(([name, t]) => [name, constantKey(t)]));
  const names = new Map<string, string>();
  const seen = new Map<string, Node>();
  const nodes = graph.nodes.filter((n) => {
    const key = keyOf(n, (name) => names.get(name) ?? constants.get(name) ?? name);
    const same = key === undefined ? undefined : seen.get(key);
    if (key !== undefined && !same) seen.set(key, n);
    if (!same || same.outputs.length !== n.outputs.length) return true;
    if (n.outputs.some((o, i) => outputs.has(o) || (o !== '' && !same.outputs[i]))) return true;
    for (const [i, o] of n.outputs.entries()) if (o !== '') names.set(o, same.outputs[i]!);
    return false;
  });
  return names.size === 0 ? graph : rename({ ...graph, nodes }, names);
}

/** What a short vector of integers holds: shapes and axes are written down anew at each use. */
const constantKey = (t: Tensor): string | undefined =>
  t.dtype === 'int64' && t.data.length <= MOST_ELEMENTS ? `\u0001[${t.shape}]${t.data.join(',')}` : undefined;

/** Equal for nodes that compute the same; undefined for those that are not compared. */
function keyOf(n: Node, value: (name: string) => string): string | undefined {
  if (isRandom(n)) return undefined;
  const attributes: [string, unknown][] = [];
  for (const [name, a] of n.attributes) {
    const plain = plainValue(a);
    if (plain === undefined) return undefined;
    attributes.push([name, plain]);
  }
  attributes.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([n.domain, n.op, n.overload ?? '', n.inputs.map(value), attributes]);
}

const plainValue = (a: Attribute): unknown =>
  a.type === 'float' || a.type === 'int' || a.type === 'string' || a.type === 'ints' || a.type === 'floats'
    ? [a.type, typeof a.value === 'number' ? String(a.value) : a.value]
    : undefined;
