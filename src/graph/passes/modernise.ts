import { TouchstoneError } from '../../errors.ts';
import { float32, int64, toAttributes } from '../attributes.ts';
import { OPSET } from '../builder.ts';
import type { Attribute, Graph, Model, Node } from '../ir.ts';
import { subgraphsOf } from '../proto/attribute.ts';
import { CHANGES, LATER, type Make } from './older-forms.ts';
import { deepNames } from './rename.ts';

/** The oldest operator set that is rewritten. Before it, broadcasting and several operators meant other things. */
const OLDEST = 7;
const NEWEST = 25;

/** Told of each node that has no newer form; without one, the first is thrown. */
export type OnError = (node: Node, error: TouchstoneError) => void;

/**
 * Rewrites a model's graph to operator set 20, in which every graph here is built. What changed between its own set
 * and 20 is written in the form of 20, with Constant nodes where an attribute became an input; operators that are newer
 * than 20 stay.
 *
 * @throws E_UNSUPPORTED for a set outside 7 to 25, or an operator whose form there has none in 20
 */
export function modernise(model: Model, onError?: OnError): Model {
  const opset = model.opsets.get('') ?? 0;
  checkOpset(opset, 'a model');
  const taken = deepNames(model.graph);
  return {
    ...model,
    graph: moderniseGraph(model.graph, opset, taken, onError),
    opsets: new Map(model.opsets).set('', OPSET),
  };
}

/** @throws E_UNSUPPORTED for a set outside 7 to 25 */
export function checkOpset(opset: number, what: string): void {
  if (opset < OLDEST || opset > NEWEST)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `${what} in operator set ${opset}`,
      `${OLDEST} to ${NEWEST}`,
      'export it again with opset_version=17, or convert it with onnx.version_converter',
    );
}

/** The same for a graph in a given set; `taken` gains the names that are made up. */
export function moderniseGraph(graph: Graph, opset: number, taken: Set<string>, onError?: OnError): Graph {
  const fresh = (hint: string): string => {
    let name = hint;
    for (let i = 0; taken.has(name); i++) name = `${hint}_${i}`;
    taken.add(name);
    return name;
  };
  const inner = (g: Graph): Graph => moderniseGraph(g, opset, taken, onError);
  const nodes = graph.nodes.flatMap((n) => {
    const node = standard(withSubgraphs(n, inner));
    if (node.domain !== '') return [node];
    try {
      return moderniseNode(node, opset, fresh, graph.initializers);
    } catch (error) {
      if (!onError || !(error instanceof TouchstoneError)) throw error;
      onError(node, error);
      return [node];
    }
  });
  return { ...graph, nodes };
}

/** onnxruntime's own quantisation is ONNX's, with more element types. */
const standard = (node: Node): Node =>
  node.domain === 'com.microsoft' && /^(Quantize|Dequantize)Linear$/.test(node.op)
    ? { ...node, domain: '' }
    : node;

/** A node whose subgraphs are replaced. */
export function withSubgraphs(node: Node, replace: (graph: Graph) => Graph): Node {
  if (![...node.attributes.values()].some((a) => subgraphsOf(a).length > 0)) return node;
  const attributes = new Map<string, Attribute>();
  for (const [name, a] of node.attributes)
    if (a.type === 'graph') attributes.set(name, { ...a, value: replace(a.value) });
    else if (a.type === 'graphs') attributes.set(name, { ...a, value: a.value.map(replace) });
    else attributes.set(name, a);
  return { ...node, attributes };
}

function moderniseNode(
  node: Node,
  opset: number,
  fresh: (hint: string) => string,
  initializers: Graph['initializers'],
): readonly Node[] {
  const changes = CHANGES.get(node.op)?.filter(({ since }) => opset < since) ?? [];
  const later = LATER.get(node.op);
  if (changes.length === 0 && !(later && opset > OPSET)) return [node];

  const before: Node[] = [];
  const after: Node[] = [];
  const make: Make = {
    constant: (tensor, hint) => {
      const name = fresh(`${node.outputs[0]}_${hint}`);
      const value = { type: 'tensor', value: tensor } as const;
      before.push(plain('Constant', [], [name], new Map([['value', value]])));
      return name;
    },
    ints: (values, hint) => make.constant(int64(values), hint),
    float: (value, hint) => make.constant(float32([value], []), hint),
    before: (op, inputs, attributes = {}) => {
      const name = fresh(`${node.outputs[0]}_${op}`);
      before.push(plain(op, inputs, [name], toAttributes(attributes)));
      return name;
    },
    after: (op, from, inputs, attributes = {}) => {
      const [to] = node.outputs;
      after.push(plain(op, [from, ...inputs], [to!], toAttributes(attributes)));
    },
    fresh,
    known: (name) => initializers.get(name),
  };
  let current = node;
  for (const { write } of changes) current = write(current, make);
  if (later && opset > OPSET) current = later(current, make);
  return [...before, current, ...after];
}

const plain = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Node['attributes'],
): Node => ({ op, domain: '', name: outputs[0]!, inputs, outputs, attributes });
