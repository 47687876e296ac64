import { fromBinary } from '@bufbuild/protobuf';
import { GraphProtoSchema } from 'onnx-buf';
import { TouchstoneError } from '../errors.ts';
import type { Attribute, Graph, Model, Node } from './ir.ts';
import { encodedKind, subgraphsOf } from './proto/attribute.ts';
import { quote } from './proto/fields.ts';
import { labelOf } from './proto/graph.ts';
import { sortGraph } from './proto/order.ts';

/**
 * Checks what ONNX demands of a graph's structure: every value defined once and before its use, every domain
 * imported, attributes of the well-known operators of the right kind. Shapes are shape inference's business.
 *
 * @throws E_ONNX naming the node and what is wrong with it.
 */
export function validateModel(model: Model): void {
  validateGraph(model.graph, new Scope(), model.opsets);
}

/** The names visible in a graph: its own, then those of the graphs around it. */
class Scope {
  readonly #own = new Set<string>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  has(name: string): boolean {
    return this.#own.has(name) || (this.#outer?.has(name) ?? false);
  }

  /** @throws E_ONNX where this graph has defined the name before. */
  define(name: string, by: string): void {
    if (this.#own.has(name))
      throw invalid(
        `${by} defines ${quote(name)}, which is defined before it`,
        'every value to be defined once',
      );
    this.#own.add(name);
  }
}

const invalid = (got: string, expected: string): TouchstoneError =>
  new TouchstoneError(
    'E_ONNX',
    got,
    expected,
    'the model is invalid: export it again, or run onnx.checker on it',
  );

function validateGraph(graph: Graph, scope: Scope, opsets: Model['opsets']): void {
  const inputs = new Set<string>();
  for (const { name } of graph.inputs) {
    if (!name) throw invalid(`graph ${quote(graph.name)} with an input without a name`, 'a name');
    scope.define(name, 'a graph input');
    inputs.add(name);
  }
  // An initializer may be an input's default value.
  for (const name of graph.initializers.keys()) if (!inputs.has(name)) scope.define(name, 'an initializer');
  for (const name of sparseNames(graph)) if (!inputs.has(name)) scope.define(name, 'a sparse initializer');
  for (const node of graph.nodes) {
    validateNode(node, opsets);
    for (const name of node.inputs) if (name && !scope.has(name)) throw undefinedInput(graph, node, name);
    for (const attribute of node.attributes.values())
      for (const subgraph of subgraphsOf(attribute)) validateGraph(subgraph, new Scope(scope), opsets);
    for (const name of node.outputs) if (name) scope.define(name, labelOf(node));
  }
  for (const { name } of graph.outputs)
    if (!scope.has(name))
      throw invalid(
        `output ${quote(name)} of graph ${quote(graph.name)}, which nothing defines`,
        'a value of the graph',
      );
}

function undefinedInput(graph: Graph, node: Node, name: string): TouchstoneError {
  const later = graph.nodes.find((other) => other.outputs.includes(name));
  if (!later)
    return invalid(
      `${labelOf(node)} needs ${quote(name)}, which nothing before it defines`,
      'a value of the graph',
    );
  sortGraph(graph); // a cycle names its nodes
  return invalid(
    `${labelOf(node)} stands before ${labelOf(later)}, whose ${quote(name)} it needs`,
    'nodes in order',
  );
}

function sparseNames(graph: Graph): string[] {
  if (!graph.extra) return [];
  return fromBinary(GraphProtoSchema, graph.extra).sparseInitializer.map(
    (sparse) => sparse.values?.name ?? '',
  );
}

function validateNode(node: Node, opsets: Model['opsets']): void {
  if (!node.op) throw invalid(`node ${labelOf(node)} without an operator`, 'op_type');
  const version = opsets.get(node.domain);
  if (version === undefined)
    throw invalid(
      `${labelOf(node)} of operator set ${quote(node.domain || 'ai.onnx')}`,
      'opset_import to name it',
    );
  // Before opset 7 some attributes had other kinds, and no model that old is worth refusing for it.
  const kinds = node.domain === '' && version >= 7 && ATTRIBUTES.get(node.op);
  if (!kinds) return;
  for (const [name, attribute] of node.attributes) {
    const expected = kinds[name];
    const got = attribute.type === 'other' ? encodedKind(attribute.proto) : attribute.type;
    if (expected && got !== expected && got !== 'ref')
      throw invalid(`attribute ${quote(name)} of ${labelOf(node)} is of kind ${got}`, expected);
  }
}

type Kinds = Readonly<Record<string, Attribute['type']>>;

const window: Kinds = {
  auto_pad: 'string',
  ceil_mode: 'int',
  dilations: 'ints',
  kernel_shape: 'ints',
  pads: 'ints',
  strides: 'ints',
};
const convolution: Kinds = { ...window, group: 'int', output_padding: 'ints', output_shape: 'ints' };
const reduction: Kinds = { axes: 'ints', keepdims: 'int', noop_with_empty_axes: 'int' };
const axis: Kinds = { axis: 'int' };

/** Kinds of the attributes of operators that classifiers are made of; what is not listed is not checked. */
const ATTRIBUTES: ReadonlyMap<string, Kinds> = new Map([
  ['ArgMax', { axis: 'int', keepdims: 'int', select_last_index: 'int' }],
  ['AveragePool', { ...window, count_include_pad: 'int' }],
  ['BatchNormalization', { epsilon: 'float', momentum: 'float', training_mode: 'int' }],
  ['Cast', { to: 'int' }],
  ['Clip', { max: 'float', min: 'float' }],
  ['Concat', axis],
  ['Constant', { value: 'tensor', value_float: 'float', value_int: 'int', value_ints: 'ints' }],
  ['ConstantOfShape', { value: 'tensor' }],
  ['Conv', convolution],
  ['ConvTranspose', convolution],
  ['Dropout', { ratio: 'float', seed: 'int' }],
  ['Elu', { alpha: 'float' }],
  ['Flatten', axis],
  ['Gather', axis],
  ['Gelu', { approximate: 'string' }],
  ['Gemm', { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' }],
  ['HardSigmoid', { alpha: 'float', beta: 'float' }],
  ['If', { else_branch: 'graph', then_branch: 'graph' }],
  ['InstanceNormalization', { epsilon: 'float' }],
  ['LayerNormalization', { axis: 'int', epsilon: 'float', stash_type: 'int' }],
  ['LeakyRelu', { alpha: 'float' }],
  ['LogSoftmax', axis],
  ['Loop', { body: 'graph' }],
  ['LRN', { alpha: 'float', beta: 'float', bias: 'float', size: 'int' }],
  ['MaxPool', { ...window, storage_order: 'int' }],
  ['Pad', { mode: 'string', pads: 'ints', value: 'float' }],
  ['ReduceMax', reduction],
  ['ReduceMean', reduction],
  ['ReduceMin', reduction],
  ['ReduceSum', reduction],
  ['Reshape', { allowzero: 'int' }],
  ['Scan', { body: 'graph', num_scan_inputs: 'int' }],
  ['Slice', { axes: 'ints', ends: 'ints', starts: 'ints' }],
  ['Softmax', axis],
  ['Split', { axis: 'int', num_outputs: 'int', split: 'ints' }],
  ['Squeeze', { axes: 'ints' }],
  ['Transpose', { perm: 'ints' }],
  ['Unsqueeze', { axes: 'ints' }],
]);
