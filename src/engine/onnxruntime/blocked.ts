/**
 * Convolutions whose weights change from run to run, in onnxruntime's blocked layout.
 *
 * onnxruntime moves a convolution to its blocked layout (NCHWc: channels in blocks as wide as a vector register) when its
 * weights are constants, which it rearranges once. The operators that it puts there take rearranged weights from anywhere, so a
 * graph that rearranges its own at each run can use them, too: weights are small beside images. An update of the MNIST net takes
 * two thirds of the time, of which the figures are in docs/design.md.
 *
 * The operators are onnxruntime's own, made for its optimised models; they are part of the pinned version, and where this
 * processor has no blocked layout (`blockSize` 1), nothing is changed.
 */
import {
  type Dim,
  type Graph,
  GraphBuilder,
  int64,
  intOf,
  type Node,
  type Tensor,
  type Value,
} from '../../graph/index.ts';
import { Session, type SessionOptions } from './session.ts';

const DOMAIN = 'com.microsoft.nchwc';

/** Of equally shaped maps, or of one map and constants: they do not care where an element lies. */
const ELEMENTWISE = new Set([
  'Relu',
  'HardSigmoid',
  'LeakyRelu',
  'Elu',
  'Sigmoid',
  'Tanh',
  'Add',
  'Sub',
  'Mul',
  'Neg',
]);

/**
 * Weights are rearranged at every run, whatever the batch: that pays where they are few, or where each meets many positions of an
 * image. Without this, an attack step on VGG-16 at batch 16 took 1.3 times as long as without blocks; with it, 0.99 times.
 */
const FEW_WEIGHTS = 65_536;
const MANY_POSITIONS = 128;

let known: Promise<number> | undefined;

/** How many channels a block has on this processor; 1 where there is no blocked layout. */
export function blockSize(options: SessionOptions): Promise<number> {
  known ??= probe(options);
  return known;
}

async function probe(options: SessionOptions): Promise<number> {
  const graph: Graph = {
    name: 'probe',
    inputs: [{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [1, 4, 1, 1] } }],
    outputs: [{ name: 'y', type: { kind: 'tensor', dtype: 'float32', shape: [1, null, 1, 1] } }],
    nodes: [own('ReorderInput', ['x'], 'y')],
    initializers: new Map(),
    valueInfo: [],
  };
  try {
    const session = await Session.create(graph, { ...options, device: 'cpu' });
    const x = { dtype: 'float32', shape: [1, 4, 1, 1], data: new Float32Array(4) } as const;
    const { y } = await session.run({ x });
    await session.close();
    // Its channels are filled up to a block.
    return y!.shape[1]! > 4 ? y!.shape[1]! : 1;
  } catch {
    return 1; // a build of onnxruntime without these operators
  }
}

const own = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Node['attributes'] = new Map(),
): Node => ({
  op,
  domain: DOMAIN,
  name: output,
  inputs,
  outputs: [output],
  attributes,
});

/**
 * Moves convolutions of `weights` to the blocked layout, and what is computed element by element from their results.
 *
 * @param weights inputs that change between runs
 * @param block from `blockSize`
 */
export function blockedConvolutions(graph: Graph, weights: readonly string[], block: number): Graph {
  return block === 1 ? graph : new Blocked(graph, weights, block).rewritten();
}

class Blocked {
  readonly #graph: Graph;
  readonly #block: number;
  /** For shapes and fresh names. */
  readonly #b: GraphBuilder;
  /** Values that depend on weights and constants alone. */
  readonly #ofWeights: Set<Value>;
  readonly #uses = new Map<Value, number>();
  readonly #nodes: Node[] = [];
  readonly #initializers: Map<string, Tensor>;
  /** Values by the form in which they are there. */
  readonly #plain = new Set<Value>();
  readonly #inBlocks = new Map<Value, Value>();
  readonly #kernels = new Map<string, Value>();

  constructor(graph: Graph, weights: readonly string[], block: number) {
    this.#graph = graph;
    this.#block = block;
    this.#b = GraphBuilder.from(graph);
    this.#initializers = new Map(graph.initializers);
    this.#ofWeights = new Set([...weights, ...graph.initializers.keys()]);
    for (const { name } of graph.inputs) this.#plain.add(name);
    for (const name of graph.initializers.keys()) this.#plain.add(name);
    for (const { inputs, outputs } of graph.nodes) {
      if (inputs.every((i) => !i || this.#ofWeights.has(i))) for (const o of outputs) this.#ofWeights.add(o);
      for (const i of inputs) this.#uses.set(i, (this.#uses.get(i) ?? 0) + 1);
    }
    for (const { name } of graph.outputs) this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1);
  }

  rewritten(): Graph {
    let some = false;
    const { nodes } = this.#graph;
    for (const [i, node] of nodes.entries()) {
      if (this.#inBlocks.has(node.outputs[0]!)) continue; // an activation that its convolution took over
      if (this.#fits(node)) {
        this.#convolve(node, nodes[i + 1]);
        some = true;
      } else if (!this.#elementwise(node) && !this.#channelsLast(node)) {
        for (const input of node.inputs) this.#toPlain(input);
        this.#nodes.push(node);
        for (const output of node.outputs) this.#plain.add(output);
      }
    }
    if (!some) return this.#graph;
    for (const { name } of this.#graph.outputs) this.#toPlain(name);
    return { ...this.#graph, nodes: this.#nodes, initializers: this.#initializers };
  }

  /** Whether it is a convolution of maps by weights, with whole blocks of channels (or, to begin with, less than one), and pays. */
  #fits(node: Node): boolean {
    const { op, domain, inputs } = node;
    if (
      op !== 'Conv' ||
      domain !== '' ||
      !this.#ofWeights.has(inputs[1]!) ||
      this.#b.constantValue(inputs[1]!)
    )
      return false;
    const [m, c, ...kernel] = this.#b.shape(inputs[1]!);
    if (typeof m !== 'number' || typeof c !== 'number' || kernel.length !== 2) return false;
    if (intOf(node, 'group', 1) !== 1) return false;
    const whole = m % this.#block === 0 && (c < this.#block || c % this.#block === 0);
    const sizes = (shape: readonly Dim[]) =>
      shape.reduce<number>((p, d) => p * (typeof d === 'number' ? d : 1), 1);
    const [weights, positions] = [m * c * sizes(kernel), sizes(this.#b.shape(node.outputs[0]!).slice(2))];
    return whole && (weights <= FEW_WEIGHTS || positions >= MANY_POSITIONS);
  }

  #convolve(node: Node, following: Node | undefined): void {
    const [x, w, bias] = node.inputs as [Value, Value, Value?];
    const direct = (this.#b.shape(w)[1] as number) < this.#block;
    const inputs = [direct ? this.#toPlain(x) : this.#toBlocks(x), this.#kernel(w, direct)];
    if (bias) inputs.push(this.#toPlain(bias));
    const result = node.outputs[0]!;
    const takes = following?.op === 'Relu' && following.inputs[0] === result && this.#uses.get(result) === 1;
    const output = takes ? following.outputs[0]! : result;
    const attributes = new Map(node.attributes);
    if (takes) attributes.set('activation', { type: 'string', value: 'Relu' });
    const name = this.#b.fresh(`${output}_blocks`);
    this.#nodes.push(own('Conv', inputs, name, attributes));
    this.#inBlocks.set(output, name);
  }

  /** [M, C, kh, kw] as the blocked convolution reads it. */
  #kernel(w: Value, direct: boolean): Value {
    const had = this.#kernels.get(w);
    if (had) return had;
    const [m, c, h, k] = this.#b.shape(w) as number[];
    const B = this.#block;
    const [apart, perm] = direct
      ? [
          [m! / B, B, c!, h!, k!],
          [0, 2, 3, 4, 1],
        ]
      : [
          [m! / B, B, c! / B, B, h!, k!],
          [0, 2, 4, 5, 3, 1],
        ];
    const ordered = this.#op('Transpose', [this.#reshaped(this.#toPlain(w), apart)], w, {
      perm: { type: 'ints', value: perm },
    });
    const kernel = this.#reshaped(ordered, [m!, c!, h!, k!]);
    this.#kernels.set(w, kernel);
    return kernel;
  }

  /** In blocks, where all maps that it takes are. @returns whether it was */
  #elementwise(node: Node): boolean {
    if (node.domain !== '' || !ELEMENTWISE.has(node.op) || node.outputs.length !== 1) return false;
    const shape = this.#b.shape(node.outputs[0]!);
    const same = (v: Value) =>
      this.#b.shape(v).length === 4 && this.#b.shape(v).every((d, i) => d === shape[i]);
    const single = (v: Value) => this.#b.shape(v).every((d) => d === 1);
    const fits = node.inputs.every((v) => (same(v) && this.#inBlocks.has(v)) || single(v));
    if (!fits || !node.inputs.some(same)) return false;
    const inputs = node.inputs.map((v) => this.#inBlocks.get(v) ?? this.#toPlain(v));
    const name = this.#b.fresh(`${node.outputs[0]!}_blocks`);
    this.#nodes.push({ ...node, name, inputs, outputs: [name] });
    this.#inBlocks.set(node.outputs[0]!, name);
    return true;
  }

  /** NCHW to NHWC on the way out of the blocks. @returns whether it was */
  #channelsLast(node: Node): boolean {
    const from = this.#inBlocks.get(node.inputs[0] ?? '');
    const perm = node.attributes.get('perm');
    if (node.op !== 'Transpose' || !from || perm?.type !== 'ints' || perm.value.join() !== '0,2,3,1')
      return false;
    this.#nodes.push(this.#leave(from, node.inputs[0]!, node.outputs[0]!, true));
    this.#plain.add(node.outputs[0]!);
    return true;
  }

  #leave(from: Value, original: Value, output: Value, last: boolean): Node {
    const channels = this.#b.shape(original)[1] as number;
    return own(
      'ReorderOutput',
      [from],
      output,
      new Map([
        ['channels', { type: 'int', value: channels }],
        ['channels_last', { type: 'int', value: last ? 1 : 0 }],
      ]),
    );
  }

  #toPlain(value: Value): Value {
    if (!value || this.#plain.has(value)) return value;
    this.#nodes.push(this.#leave(this.#inBlocks.get(value)!, value, value, false));
    this.#plain.add(value);
    return value;
  }

  #toBlocks(value: Value): Value {
    const had = this.#inBlocks.get(value);
    if (had) return had;
    const name = this.#b.fresh(`${value}_blocks`);
    this.#nodes.push(own('ReorderInput', [value], name));
    this.#inBlocks.set(value, name);
    return name;
  }

  #reshaped(value: Value, shape: readonly number[]): Value {
    const to = this.#b.fresh('shape');
    this.#initializers.set(to, int64(shape));
    return this.#op('Reshape', [value, to], value);
  }

  #op(
    op: string,
    inputs: readonly Value[],
    hint: string,
    attributes: Record<string, { type: 'ints'; value: readonly number[] }> = {},
  ): Value {
    const name = this.#b.fresh(`${hint}_${op}`);
    this.#nodes.push({
      op,
      domain: '',
      name,
      inputs,
      outputs: [name],
      attributes: new Map(Object.entries(attributes)),
    });
    return name;
  }
}
