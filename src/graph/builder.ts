import { TouchstoneError } from '../errors.ts';
import { type AttributeValue, constantOf, float32, int64, scalar, toAttributes } from './attributes.ts';
import { asFloat32, concatenated, sliced, transposed, zeroPadded } from './fold.ts';
import type { DataType, Dim, Graph, Model, Node, Tensor, ValueInfo } from './ir.ts';
import { inferNode, inferValues, nodeLabel, type ShapeContext, type TensorType } from './shapes/index.ts';
import { MOST_VALUES } from './shapes/values.ts';

/** The operator set that graphs are built in: 20 is the newest one whose kernels all exist on CUDA, too. */
export const OPSET = 20;
const IR_VERSION = 9;

/** Elements of a constant that padding may make larger at once. */
const LARGEST_FOLDED = 2 ** 24;

/** A value of the graph being built: its name. */
export type Value = string;

/**
 * Builds a graph node by node, inferring every value's type as it goes, so that whoever builds on (a gradient
 * rule, a loss, a layer) can ask for shapes.
 */
export class GraphBuilder {
  readonly opset: number;
  readonly #nodes: Node[] = [];
  readonly #producers = new Map<Value, Node>();
  readonly #initializers = new Map<string, Tensor>();
  readonly #constants = new Map<string, Tensor>();
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #types = new Map<string, TensorType>();
  /** What short vectors and scalars hold, as far as it is known: shapes, and what is computed from them. */
  readonly #values = new Map<string, readonly Dim[]>();
  readonly #taken = new Set<string>();
  #counter = 0;

  constructor(opset = OPSET) {
    this.opset = opset;
  }

  /** A builder that already holds a graph (all but its outputs), to go on from. */
  static from(graph: Graph, opset = OPSET): GraphBuilder {
    const b = new GraphBuilder(opset);
    // onnxruntime wants node names to differ as well, and made-up nodes are named after their first output.
    for (const node of graph.nodes) for (const name of [node.name, ...node.outputs]) b.#taken.add(name);
    for (const { name, type } of graph.inputs) {
      b.#taken.add(name);
      if (graph.initializers.has(name)) continue;
      if (type?.kind !== 'tensor' || !type.shape)
        throw new TouchstoneError(
          'E_UNSUPPORTED',
          `input "${name}" without a shape`,
          'a tensor of known rank',
        );
      b.input(name, type.dtype, type.shape);
    }
    for (const [name, tensor] of graph.initializers) b.initializer(name, tensor);
    for (const node of graph.nodes) b.node(node);
    return b;
  }

  /** A graph input. Symbols (`'N'`) are dynamic dimensions. */
  input(name: string, dtype: DataType, shape: readonly Dim[]): Value {
    const anonymous = shape.map((d, i) => d ?? `${name}_${i}`);
    this.#inputs.push({ name, type: { kind: 'tensor', dtype, shape: anonymous } });
    this.#types.set(name, { dtype, shape: anonymous });
    this.#taken.add(name);
    return name;
  }

  /** A named constant, such as a parameter. */
  initializer(name: string, tensor: Tensor): Value {
    this.#taken.add(name);
    this.#initializers.set(name, tensor);
    this.#constants.set(name, tensor);
    this.#types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  /** An initializer that is to be trained: no constant, so that nothing is computed from its value beforehand. */
  parameter(name: string, tensor: Tensor): Value {
    this.#taken.add(name);
    this.#initializers.set(name, tensor);
    this.#types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  /** A constant with a name made up from `hint`. */
  constant(tensor: Tensor, hint = 'c'): Value {
    return this.initializer(this.fresh(hint), tensor);
  }

  ints(values: readonly number[]): Value {
    return this.constant(int64(values), 'ints');
  }

  scalar(value: number): Value {
    return this.constant(scalar(value), 'value');
  }

  floats(values: Float32Array | readonly number[], shape?: readonly number[]): Value {
    return this.constant(float32(values, shape), 'values');
  }

  /** A name not yet in the graph. */
  fresh(hint: string): string {
    let name = hint;
    while (this.#taken.has(name) || name === '') name = `${hint}_${this.#counter++}`;
    this.#taken.add(name);
    return name;
  }

  /** Appends an operator with one output. Layout operators on constants are computed at once. */
  op(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    hint = op,
  ): Value {
    return this.ops(op, inputs, attributes, 1, hint)[0]!;
  }

  /** Appends an operator with `count` outputs. */
  ops(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>>,
    count: number,
    hint = op,
  ): Value[] {
    const outputs = Array.from({ length: count }, () => this.fresh(hint));
    this.node({ op, domain: '', name: outputs[0]!, inputs, outputs, attributes: toAttributes(attributes) });
    return outputs;
  }

  /** Appends a node as it is. */
  node(node: Node): void {
    if (node.op === 'Constant' && node.domain === '') {
      const value = constantOf(node);
      if (value) {
        this.initializer(node.outputs[0]!, value);
        return;
      }
    }
    const { types, values } = this.infer(node);
    for (const [i, output] of node.outputs.entries()) {
      const type = types[i];
      if (!output) continue;
      if (!type)
        throw new TouchstoneError(
          'E_ONNX',
          `${nodeLabel(node)} has ${node.outputs.length} outputs`,
          `${types.length}`,
        );
      this.#taken.add(output);
      this.#types.set(output, type);
      const value = values[i];
      if (value) this.#values.set(output, value);
    }
    this.#nodes.push(node);
    for (const output of node.outputs) if (output) this.#producers.set(output, node);
  }

  /**
   * What a node's outputs would be, without appending it: their types, and what is known of their elements.
   *
   * @throws E_UNSUPPORTED, E_SHAPE or E_ONNX naming the node, where it cannot be appended
   */
  infer(node: Node): {
    readonly types: readonly TensorType[];
    readonly values: readonly (readonly Dim[] | undefined)[];
  } {
    const context = this.context(node);
    const types = inferNode(context);
    return { types, values: inferValues(context, types) };
  }

  /** What a shape rule sees of a node whose inputs are values of this graph. */
  context(node: Node): ShapeContext {
    return {
      node,
      opset: this.opset,
      dims: (i) => this.known(node.inputs[i] ?? ''),
      has: (i) => !!node.inputs[i],
      constant: (i) => this.constantValue(node.inputs[i] ?? ''),
      input: (i) => {
        const type = this.#types.get(node.inputs[i] ?? '');
        if (!type)
          throw new TouchstoneError(
            'E_ONNX',
            `${nodeLabel(node)} lacks input ${i}`,
            'a value defined before it',
          );
        return type;
      },
    };
  }

  /**
   * Appends another graph. Its inputs are values of this one of the same name, or become inputs; its inner values get
   * new names where theirs are taken.
   *
   * @returns the values of its outputs, by name
   */
  inline(graph: Graph, values: ReadonlyMap<string, Value> = new Map()): Map<string, Value> {
    const names = new Map<string, Value>(values);
    for (const { name, type } of graph.inputs) {
      if (names.has(name)) continue;
      if (!this.#types.has(name) && type?.kind === 'tensor' && type.shape)
        this.input(name, type.dtype, type.shape);
      names.set(name, name);
    }
    const to = (name: string): string => {
      if (name === '') return name;
      const known = names.get(name) ?? this.fresh(name);
      names.set(name, known);
      return known;
    };
    for (const [name, tensor] of graph.initializers) this.initializer(to(name), tensor);
    for (const n of graph.nodes) {
      const outputs = n.outputs.map(to);
      this.node({ ...n, name: outputs[0]!, inputs: n.inputs.map(to), outputs });
    }
    return new Map(graph.outputs.map(({ name }) => [name, to(name)]));
  }

  /** Marks a value as an output, under a name of the caller's choice. */
  output(value: Value, name = value): void {
    let source = value;
    if (name !== value) {
      source = name;
      this.#taken.add(name);
      this.node({
        op: 'Identity',
        domain: '',
        name,
        inputs: [value],
        outputs: [name],
        attributes: new Map(),
      });
    }
    const { dtype, shape } = this.type(source);
    this.#outputs.push({ name: source, type: { kind: 'tensor', dtype, shape } });
  }

  type(value: Value): TensorType {
    const type = this.#types.get(value);
    if (!type) throw new TouchstoneError('E_ONNX', `value "${value}"`, 'a value of this graph');
    return type;
  }

  shape(value: Value): readonly Dim[] {
    return this.type(value).shape;
  }

  /** The value of a constant; undefined for anything computed from an input. */
  constantValue(value: Value): Tensor | undefined {
    return this.#constants.get(value);
  }

  /**
   * The elements of a scalar or short vector, as far as they are known: numbers (0 and 1 for booleans), dimensions
   * (`4*N`), and null for what is computed while running.
   */
  known(value: Value): readonly Dim[] | undefined {
    const known = this.#values.get(value);
    const constant = this.#constants.get(value);
    if (known || !constant) return known;
    const { data, dtype, shape } = constant;
    const plain = /^(float(32|64)|u?int(8|16|32|64)|bool)$/.test(dtype);
    if (!plain || shape.length > 1 || data.length > MOST_VALUES) return undefined;
    const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
    this.#values.set(value, numbers);
    return numbers;
  }

  /** The node that a value is an output of; undefined for inputs and constants. */
  producer(value: Value): Node | undefined {
    return this.#producers.get(value);
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** Transpose, computed at once for a constant. */
  transpose(value: Value, perm: readonly number[]): Value {
    const t = asFloat32(this.constantValue(value));
    return t ? this.constant(transposed(t, perm), value) : this.op('Transpose', [value], { perm });
  }

  /** Slice, computed at once for a constant. */
  slice(value: Value, slices: readonly { axis: number; start: number; end: number; step?: number }[]): Value {
    const full = slices.map((s) => ({ step: 1, ...s }));
    if (full.length === 0) return value;
    const t = asFloat32(this.constantValue(value));
    if (t) return this.constant(sliced(t, full), value);
    const list = (key: 'axis' | 'start' | 'end' | 'step') => this.ints(full.map((s) => s[key]));
    return this.op('Slice', [value, list('start'), list('end'), list('axis'), list('step')]);
  }

  /** The same values in the opposite order along some axes. */
  flip(value: Value, axes: readonly number[]): Value {
    return this.slice(
      value,
      axes
        .filter((axis) => this.shape(value)[axis] !== 1)
        .map((axis) => ({ axis, start: -1, end: -(2 ** 31), step: -1 })),
    );
  }

  concat(values: readonly Value[], axis: number): Value {
    if (values.length === 1) return values[0]!;
    const parts = values.map((v) => asFloat32(this.constantValue(v)));
    if (parts.every((p) => p !== undefined)) return this.constant(concatenated(parts, axis), values[0]!);
    return this.op('Concat', values, { axis });
  }

  /** Zero padding, computed at once for a constant; negative amounts cut. */
  pad(value: Value, before: readonly number[], after: readonly number[]): Value {
    const all = [...before, ...after];
    if (all.every((p) => p === 0)) return value;
    const t = asFloat32(this.constantValue(value));
    const size = t?.shape.reduce((n, d, i) => n * (d + before[i]! + after[i]!), 1);
    if (t && all.every((p) => p >= 0) && size! <= LARGEST_FOLDED)
      return this.constant(zeroPadded(t, before, after), value);
    return this.op('Pad', [value, this.ints(all)]);
  }

  /** Reshape to `shape`, in which 0 keeps a dimension and -1 is inferred. */
  reshape(value: Value, shape: readonly number[]): Value {
    const t = asFloat32(this.constantValue(value));
    if (t && shape.every((d) => d > 0) && shape.reduce((a, d) => a * d, 1) === t.data.length)
      return this.constant(float32(t.data, shape), value);
    return this.op('Reshape', [value, this.ints(shape)]);
  }

  /** Reshapes to the shape that `like` has, of which at most one dimension may be dynamic. */
  reshapeLike(value: Value, like: Value): Value {
    const target = this.shape(like);
    if (target.length === this.shape(value).length && target.every((d, i) => d === this.shape(value)[i]))
      return value;
    const symbolic = target.filter((d) => typeof d !== 'number').length;
    if (symbolic > 1) return this.op('Reshape', [value, this.op('Shape', [like])]);
    return this.reshape(
      value,
      target.map((d) => (typeof d === 'number' ? d : -1)),
    );
  }

  /** The graph built so far, without what its outputs do not need. */
  build(name = 'main'): Graph {
    const needed = new Set(this.#outputs.map((o) => o.name));
    const nodes: Node[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((o) => needed.has(o))) continue;
      nodes.push(node);
      for (const i of node.inputs) needed.add(i);
    }
    return {
      name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: nodes.reverse(),
      initializers: new Map([...this.#initializers].filter(([n]) => needed.has(n))),
      valueInfo: [],
    };
  }
}

/** A graph as a model file: opset, IR version and producer filled in. Operators of other domains are those of version 1. */
export const toModel = (graph: Graph, metadata: ReadonlyMap<string, string> = new Map()): Model => ({
  graph,
  irVersion: IR_VERSION,
  opsets: new Map([
    ...graph.nodes.flatMap(({ domain }) => (domain === '' ? [] : [[domain, 1] as const])),
    ['', OPSET],
  ]),
  producerName: 'touchstone',
  metadata,
});
