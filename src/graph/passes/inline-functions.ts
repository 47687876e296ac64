import { create, fromBinary } from '@bufbuild/protobuf';
import { type FunctionProto, GraphProtoSchema, ModelProtoSchema } from 'onnx-buf';
import { TouchstoneError } from '../../errors.ts';
import type { Attribute, Graph, Model, Node } from '../ir.ts';
import { readAttribute, subgraphsOf } from '../proto/attribute.ts';
import { quote } from '../proto/fields.ts';
import { normalDomain, readGraph } from '../proto/graph.ts';
import { sortGraph } from '../proto/order.ts';
import { nodeLabel } from '../shapes/rule.ts';
import { checkOpset, moderniseGraph, withSubgraphs } from './modernise.ts';
import { deepNames } from './rename.ts';

/** Functions that call functions, this deep at most. */
const MOST_DEPTH = 32;
/** Nodes that all calls together may become. */
const MOST_NODES = 2 ** 16;

/** A function of the model: a graph whose attributes may refer to those of the call. */
interface LocalFunction {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly body: Graph;
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly opset: number;
  /** Nodes in it, subgraphs included. */
  readonly size: number;
}

const functionKey = (domain: string, op: string, overload = ''): string =>
  [domain, op, overload].join('\u0000');

/**
 * Replaces every call of a model-local function by the function's body, nested calls included. Bodies are brought to
 * operator set 20 on the way (the model's own graph must be there already).
 *
 * @throws E_UNSUPPORTED for functions nested too deep, or that would become too many nodes; E_ONNX where a call does not
 *   fit its function
 */
export function inlineFunctions(model: Model): Model {
  const functions = readFunctions(model);
  if (functions.size === 0) return model;
  const inliner = new Inliner(functions, deepNames(model.graph));
  return { ...model, graph: inliner.graph(model.graph, 0) };
}

function readFunctions(model: Model): Map<string, LocalFunction> {
  if (!model.extra) return new Map();
  const { functions } = fromBinary(ModelProtoSchema, model.extra);
  return new Map(
    functions.map((f) => [functionKey(normalDomain(f.domain), f.name, f.overload), readFunction(f, model)]),
  );
}

function readFunction(f: FunctionProto, model: Model): LocalFunction {
  const label = `function ${quote(f.name)}`;
  const graph = readGraph(create(GraphProtoSchema, { name: f.name, node: f.node }));
  const inputs = f.input.map((name) => ({ name }));
  const body = sortGraph({ ...graph, inputs, outputs: f.output.map((name) => ({ name })) });
  const own = f.opsetImport.find(({ domain }) => normalDomain(domain) === '')?.version;
  return {
    inputs: f.input,
    outputs: f.output,
    body,
    defaults: new Map(f.attributeProto.map((a) => [a.name, readAttribute(a, label)])),
    opset: own === undefined ? (model.opsets.get('') ?? 0) : Number(own),
    size: sizeOf(body),
  };
}

const sizeOf = (graph: Graph): number =>
  graph.nodes.reduce(
    (n, node) =>
      n + 1 + [...node.attributes.values()].flatMap(subgraphsOf).reduce((m, g) => m + sizeOf(g), 0),
    0,
  );

class Inliner {
  readonly #functions: ReadonlyMap<string, LocalFunction>;
  readonly #taken: Set<string>;
  #left = MOST_NODES;
  #made = 0;

  constructor(functions: ReadonlyMap<string, LocalFunction>, taken: Set<string>) {
    this.#functions = functions;
    this.#taken = taken;
  }

  graph(graph: Graph, depth: number): Graph {
    return { ...graph, nodes: graph.nodes.flatMap((n) => this.#node(n, depth)) };
  }

  #node(node: Node, depth: number): readonly Node[] {
    const f = this.#functions.get(functionKey(node.domain, node.op, node.overload));
    return f ? this.#call(f, node, depth) : [withSubgraphs(node, (g) => this.graph(g, depth))];
  }

  #call(f: LocalFunction, call: Node, depth: number): readonly Node[] {
    this.#left -= f.size + 1;
    if (depth >= MOST_DEPTH || this.#left < 0)
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `${nodeLabel(call)} is a function ${depth >= MOST_DEPTH ? 'nested too deep' : 'of too many nodes'}`,
        `at most ${MOST_DEPTH} levels and ${MOST_NODES} nodes`,
        'export the model with its functions inlined (onnx.inliner)',
      );
    if (call.inputs.length > f.inputs.length || call.outputs.length > f.outputs.length)
      throw new TouchstoneError(
        'E_ONNX',
        `${nodeLabel(call)} has ${call.inputs.length} inputs and ${call.outputs.length} outputs`,
        `at most ${f.inputs.length} and ${f.outputs.length}, as its function has`,
        'the model is invalid: export it again, or run onnx.checker on it',
      );
    const resolved = resolve(f.body, (name) => call.attributes.get(name) ?? f.defaults.get(name));
    checkOpset(f.opset, `the function of ${nodeLabel(call)}`);
    // Made-up names must differ from those of the body, too, which are about to be replaced.
    const own = deepNames(resolved);
    const body = moderniseGraph(resolved, f.opset, own);

    const names = new Map<string, string>([['', '']]);
    for (const [i, name] of f.inputs.entries()) names.set(name, call.inputs[i] ?? '');
    const passed: Node[] = [];
    for (const [i, name] of f.outputs.entries()) {
      const to = call.outputs[i];
      if (!to) continue;
      // An output that is an input as it is, or another output's value, is copied.
      if (names.has(name)) passed.push(identity(names.get(name)!, to));
      else names.set(name, to);
    }
    const nodes = this.#renamed(body.nodes, names, call.name || call.outputs.find((o) => o) || call.op);
    return [...nodes.flatMap((n) => this.#node(n, depth + 1)), ...passed];
  }

  /** Nodes under names that are free in the whole model; subgraphs share the names of the graph around them. */
  #renamed(nodes: readonly Node[], names: Map<string, string>, prefix: string): Node[] {
    const to = (name: string): string => {
      let known = names.get(name);
      if (known === undefined) {
        known = this.#fresh(`${prefix}/${name}`);
        names.set(name, known);
      }
      return known;
    };
    const inner = (graph: Graph): Graph => ({
      ...graph,
      inputs: graph.inputs.map((v) => ({ ...v, name: to(v.name) })),
      outputs: graph.outputs.map((v) => ({ ...v, name: to(v.name) })),
      initializers: new Map([...graph.initializers].map(([name, t]) => [to(name), t])),
      nodes: this.#renamed(graph.nodes, names, prefix),
      valueInfo: [],
    });
    return nodes.map((n) => {
      const inputs = n.inputs.map(to);
      const outputs = n.outputs.map(to);
      const name = this.#fresh(`${prefix}/${n.name || n.op}`);
      return withSubgraphs({ ...n, name, inputs, outputs }, inner);
    });
  }

  #fresh(hint: string): string {
    // A long chain of calls must not make names longer and longer.
    const short = hint.length > 120 ? hint.slice(-120) : hint;
    let name = short;
    while (this.#taken.has(name)) name = `${short}_${this.#made++}`;
    this.#taken.add(name);
    return name;
  }
}

const identity = (from: string, to: string): Node => ({
  op: 'Identity',
  domain: '',
  name: to,
  inputs: [from],
  outputs: [to],
  attributes: new Map(),
});

/** Attributes that refer to the call's take its value, or the default; what has neither is left out. */
function resolve(graph: Graph, value: (name: string) => Attribute | undefined): Graph {
  const nodes = graph.nodes.map((node) => {
    const attributes = new Map<string, Attribute>();
    for (const [name, a] of node.attributes) {
      const resolved = a.type === 'ref' ? value(a.value) : a;
      if (resolved) attributes.set(name, resolved);
    }
    return withSubgraphs({ ...node, attributes }, (g) => resolve(g, value));
  });
  return { ...graph, nodes };
}
