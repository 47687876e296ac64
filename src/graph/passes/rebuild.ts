import { TouchstoneError } from '../../errors.ts';
import { constantOf, intOf, toAttributes } from '../attributes.ts';
import type { Value } from '../builder.ts';
import { broadcast, formatShape, sameShape } from '../dims.ts';
import type { Dim, Graph, Node, ValueInfo } from '../ir.ts';
import { isOp, isRewritten, qualified } from '../ops.ts';
import { subgraphsOf } from '../proto/attribute.ts';
import { rewrites } from '../rewrites/index.ts';
import { nodeLabel } from '../shapes/index.ts';
import { type Budget, budgetFor, FoldingBuilder } from './folding-builder.ts';
import { passedOn } from './no-ops.ts';
import { deepNames, rename } from './rename.ts';
import { isSequenceOp, Sequences } from './sequences.ts';
import { ShapeInputs } from './shape-inputs.ts';
import { whyUnsupported } from './unsupported.ts';

/** Branches of `If` inside branches, and nodes that all of them together may become. */
const MOST_DEPTH = 32;
const MOST_NODES = 2 ** 18;

export interface RebuildOptions {
  /** Shapes for inputs, instead of those that the file states. */
  readonly inputShapes?: ReadonlyMap<string, readonly Dim[]>;
  /** Initializers that are to be trained: they are no constants, and keep their names. */
  readonly live?: ReadonlySet<string>;
  /** What may be computed. @default in proportion to the graph's constants */
  readonly budget?: Budget;
  /** Told of each node that cannot be taken over; without it, the first is thrown. */
  readonly onError?: (node: Node, error: TouchstoneError) => void;
}

/**
 * A graph with every node in the operators of OPS, constants computed, branches taken, shapes known, and what does nothing
 * left out: one walk in order. Outputs keep their names, and so do the initializers that stay.
 *
 * @throws E_UNSUPPORTED naming the first node that cannot be taken over; E_SHAPE, E_ONNX where it does not fit together
 */
export function rebuild(graph: Graph, options: RebuildOptions = {}): Graph {
  const rebuilder = new Rebuilder(graph, options);
  return named(rebuilder.build());
}

class Scope {
  readonly #own = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Value | undefined {
    return name === '' ? '' : (this.#own.get(name) ?? this.#outer?.get(name));
  }

  set(name: string, value: Value): void {
    if (name !== '') this.#own.set(name, value);
  }
}

class Rebuilder {
  readonly #graph: Graph;
  readonly #options: RebuildOptions;
  readonly #b: FoldingBuilder;
  readonly #shapes: ShapeInputs;
  readonly #sequences: Sequences;
  readonly #used: ReadonlySet<string>;
  /** Nodes that later ones are simplified with, by their outputs. */
  readonly #made = new Map<Value, Node>();
  #left = MOST_NODES;

  constructor(graph: Graph, options: RebuildOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#used = usedNames(graph);
    this.#b = new FoldingBuilder(options.budget ?? budgetFor(graph));
    this.#shapes = new ShapeInputs(this.#b);
    this.#sequences = new Sequences(this.#b);
  }

  build(): Graph {
    const { inputs, outputs, initializers, name } = this.#graph;
    const scope = new Scope();
    // No made-up name may be one that comes later.
    for (const taken of deepNames(this.#graph)) if (taken !== '') this.#b.fresh(taken);
    for (const input of inputs) if (!initializers.has(input.name)) this.#input(input, scope);
    for (const [initializer, tensor] of initializers) {
      if (this.#options.live?.has(initializer)) this.#b.parameter(initializer, tensor);
      else this.#b.initializer(initializer, tensor);
      scope.set(initializer, initializer);
    }
    this.#nodes(this.#graph.nodes, scope, 0);
    for (const output of outputs) {
      const value = scope.get(output.name);
      if (value !== undefined) this.#b.output(value, output.name);
      else if (!this.#options.onError)
        throw new TouchstoneError(
          'E_ONNX',
          `output "${output.name}", which nothing defines`,
          'a value of the graph',
        );
    }
    return this.#b.build(name);
  }

  #input(input: ValueInfo, scope: Scope): void {
    const { name, type } = input;
    const given = this.#options.inputShapes?.get(name);
    const shape = given ?? (type?.kind === 'tensor' ? type.shape : undefined);
    if (type?.kind !== 'tensor' || !shape)
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `input "${name}" ${type?.kind === 'tensor' ? 'without a shape' : 'that is no tensor'}`,
        'a tensor of known rank',
        'export the model with the shapes of its inputs',
      );
    if (given && type.shape && given.length !== type.shape.length)
      throw new TouchstoneError(
        'E_SHAPE',
        `shape ${formatShape(given)} for input "${name}"`,
        formatShape(type.shape),
      );
    this.#b.input(name, type.dtype, shape);
    this.#shapes.source(name);
    scope.set(name, name);
  }

  #nodes(nodes: readonly Node[], scope: Scope, depth: number): void {
    this.#left -= nodes.length;
    if (this.#left < 0)
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `more than ${MOST_NODES} nodes`,
        'fewer',
        'export a smaller model',
      );
    for (const node of nodes) {
      const { onError } = this.#options;
      if (!onError) {
        this.#node(node, scope, depth);
        continue;
      }
      // What is behind a node that failed is not known: only whether there is an operator for it.
      const blind = node.inputs.some((i) => scope.get(i) === undefined);
      try {
        if (!blind) this.#node(node, scope, depth);
        else if (!isKnown(node)) throw whyUnsupported(node);
      } catch (error) {
        if (!(error instanceof TouchstoneError)) throw error;
        onError(node, error);
      }
    }
  }

  #node(node: Node, scope: Scope, depth: number): void {
    const inputs = node.inputs.map((name, i) => {
      const value = scope.get(name);
      if (value !== undefined) return value;
      throw new TouchstoneError('E_ONNX', `${nodeLabel(node)} lacks input ${i}`, 'a value defined before it');
    });
    const name = qualified(node);
    if (isSequenceOp(node) || inputs.some((value) => this.#sequences.has(value))) {
      const [value] = this.#sequences.write({ ...node, inputs });
      scope.set(node.outputs[0] ?? '', value!);
    } else if (name === 'If') this.#branch(node, inputs, scope, depth);
    else if (isRewritten(name)) {
      const values = rewrites[name](this.#b, { ...node, inputs });
      for (const [i, output] of node.outputs.entries()) {
        const value = values[i];
        if (output && value) scope.set(output, value);
        else if (output && this.#used.has(output))
          throw new TouchstoneError(
            'E_UNSUPPORTED',
            `${nodeLabel(node)} whose output ${i} is used`,
            'the others only',
          );
      }
    } else if (isOp(name)) this.#append(node, inputs, scope, depth);
    else throw whyUnsupported(node);
  }

  /** Appends a node of OPS, in its shortest form. */
  #append(original: Node, inputs: readonly Value[], scope: Scope, depth: number): void {
    const outputs = this.#outputsOf(original, depth);
    // Nodes of two branches may share a name, which onnxruntime refuses in one graph.
    const name = depth === 0 ? original.name : (outputs[0] ?? original.name);
    let node: Node = { ...original, name, inputs, outputs };
    if (node.op === 'Constant' && !constantOf(node)) throw whyUnsupported(node);
    const { types } = this.#b.infer(node);
    const same = passedOn(this.#b, node, types);
    if (same !== undefined) {
      scope.set(original.outputs[0]!, same);
      return;
    }
    node = this.#unflattened(this.#shapes.shortened(node, types), types[0]!.shape);
    node = this.#unexpanded(node, types[0]!.shape);
    if (node.op === 'Shape') this.#shapes.measured(outputs[0]!);
    this.#b.node(node);
    if (LATER_FORMS.has(node.op) && this.#b.constantValue(outputs[0]!) === undefined) this.#refuseLater(node);
    if (REMEMBERED.has(node.op)) this.#made.set(outputs[0]!, node);
    for (const [i, output] of original.outputs.entries()) scope.set(output, outputs[i] ?? '');
  }

  /** Quantisation as it is since set 21 has no kernel in 20: only constants, which are computed here, may have it. */
  #refuseLater(node: Node): void {
    const types = [node.inputs[0]!, node.outputs[0]!].map((v) => this.#b.type(v).dtype);
    const narrow = types.find((dtype) => /int(2|4|16)$/.test(dtype));
    if (!narrow && intOf(node, 'block_size', 0) === 0) return;
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `${nodeLabel(node)}: ${narrow ? `${narrow} of a value that is computed while running` : 'scales per block'}`,
      'int8 or uint8, with one scale or one per channel',
      'quantise the model to 8 bits, or use it as it was before',
    );
  }

  /** Softmax over the last axis, where an older set flattened everything before it to a matrix and back. */
  #unflattened(node: Node, shape: readonly Dim[]): Node {
    if (node.op !== 'Reshape') return node;
    const soft = this.#made.get(node.inputs[0]!);
    const flat = soft && soft.op !== 'Flatten' ? this.#made.get(soft.inputs[0]!) : undefined;
    const x = flat?.op === 'Flatten' ? flat.inputs[0]! : undefined;
    if (!soft || !flat || !x || intOf(soft, 'axis', -1) !== 1) return node;
    const from = this.#b.shape(x);
    const last = intOf(flat, 'axis', 1) === from.length - 1;
    if (!last || !sameShape(from, shape)) return node;
    return {
      ...soft,
      name: node.name,
      inputs: [x],
      outputs: node.outputs,
      attributes: toAttributes({ axis: -1 }),
    };
  }

  /** An operand that is expanded where it would be broadcast anyway is taken as it was. */
  #unexpanded(node: Node, shape: readonly Dim[]): Node {
    if (!BROADCASTING.has(node.op)) return node;
    let result = node;
    for (const [i, name] of node.inputs.entries()) {
      const expand = this.#made.get(name);
      if (expand?.op !== 'Expand') continue;
      const inputs = result.inputs.with(i, expand.inputs[0]!);
      const out = inputs
        .map((v) => this.#b.shape(v))
        .reduce<readonly Dim[] | undefined>((a, d) => a && broadcast(a, d), []);
      if (out && sameShape(out, shape)) result = { ...result, inputs };
    }
    return result;
  }

  /** Outputs under their own names, or fresh ones inside a branch; trailing ones that nobody wants are left out. */
  #outputsOf(node: Node, depth: number): Value[] {
    const outputs = node.outputs.map((name) => (depth === 0 || name === '' ? name : this.#b.fresh(name)));
    // In training mode onnxruntime wants BatchNormalization's statistics put out, used or not.
    if (!OPTIONAL_OUTPUTS.has(node.op) || intOf(node, 'training_mode', 0) === 1) return outputs;
    while (outputs.length > 1 && !this.#used.has(node.outputs[outputs.length - 1]!)) outputs.pop();
    return outputs;
  }

  /** The branch that an `If` takes, where that is known. */
  #branch(node: Node, inputs: readonly Value[], scope: Scope, depth: number): void {
    const condition = this.#b.known(inputs[0] ?? '');
    const taken =
      condition?.length === 1 && typeof condition[0] === 'number' ? condition[0] !== 0 : undefined;
    const branch = node.attributes.get(taken ? 'then_branch' : 'else_branch');
    if (taken === undefined)
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `${nodeLabel(node)} whose condition is computed while running`,
        'a condition that is known beforehand',
        'export the model with fixed input sizes, or without data-dependent control flow',
      );
    if (branch?.type !== 'graph' || depth >= MOST_DEPTH)
      throw new TouchstoneError(
        'E_ONNX',
        `${nodeLabel(node)} ${branch?.type === 'graph' ? 'nested too deep' : 'without its branch'}`,
        `two branches, ${MOST_DEPTH} deep at most`,
      );
    const inner = new Scope(scope);
    for (const [name, tensor] of branch.value.initializers) {
      const value = this.#b.fresh(name);
      this.#b.initializer(value, tensor);
      inner.set(name, value);
    }
    this.#nodes(branch.value.nodes, inner, depth + 1);
    for (const [i, output] of node.outputs.entries()) {
      const value = inner.get(branch.value.outputs[i]?.name ?? '');
      if (value) scope.set(output, value);
    }
  }
}

/** Whether there is a way to write an operator, in one form at least. */
const isKnown = (node: Node): boolean => {
  const name = qualified(node);
  return name === 'If' || isOp(name) || isRewritten(name) || isSequenceOp(node);
};

const LATER_FORMS: ReadonlySet<string> = new Set(['DequantizeLinear', 'QuantizeLinear']);

/** What later nodes are simplified with. */
const REMEMBERED: ReadonlySet<string> = new Set(['Expand', 'Flatten', 'Hardmax', 'LogSoftmax', 'Softmax']);

/** Operators that broadcast by themselves. */
const BROADCASTING: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Where']);

/** Operators with outputs that may be left out. */
const OPTIONAL_OUTPUTS: ReadonlySet<string> = new Set([
  'BatchNormalization',
  'Dropout',
  'LayerNormalization',
  'MaxPool',
  'SoftmaxCrossEntropyLoss',
]);

/** Every name that some node, or an output, of the graph or of one inside it takes. */
function usedNames(graph: Graph, names = new Set<string>()): Set<string> {
  for (const { name } of graph.outputs) names.add(name);
  for (const n of graph.nodes) {
    for (const input of n.inputs) names.add(input);
    for (const a of n.attributes.values()) for (const g of subgraphsOf(a)) usedNames(g, names);
  }
  names.delete('');
  return names;
}

/** Gives outputs their names without an Identity, where what it copies is a value like any other. */
function named(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const made = new Set(graph.nodes.flatMap((n) => n.outputs));
  const names = new Map<string, string>();
  const nodes = graph.nodes.filter((n) => {
    const [from, to] = [n.inputs[0]!, n.outputs[0]!];
    const copies = n.op === 'Identity' && outputs.has(to);
    if (!copies || !made.has(from) || outputs.has(from) || names.has(from)) return true;
    names.set(from, to);
    return false;
  });
  return rename({ ...graph, nodes }, names);
}
