import { type AttributeValue, intOf, toAttributes } from '../attributes.ts';
import type { Graph, Node, Tensor } from '../ir.ts';
import type { TensorType } from '../shapes/index.ts';
import { valueNames } from './rename.ts';

/** What a re-forming pass may ask beside the graph. */
export interface ReformContext {
  /** The type of a value of the graph that was given to `reform`; undefined for values made since. */
  readonly type: (value: string) => TensorType | undefined;
  /** Initializers that are to be trained: they are operands, never constants. */
  readonly live: ReadonlySet<string>;
}

/** One pass over a graph: several nodes that compute one thing become the operator of that name. */
export type Reform = (graph: Graph, context: ReformContext) => Graph;

/**
 * A graph to find patterns in and to replace nodes of. A node is replaced in its place by others that give its
 * outputs; what nothing needs after that is dropped by `finish`.
 */
export class Patterns {
  readonly graph: Graph;
  readonly context: ReformContext;
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Node[]>();
  readonly #outputs: ReadonlySet<string>;
  readonly #inputs: ReadonlySet<string>;
  readonly #replaced = new Map<Node, readonly Node[]>();
  readonly #constants: Map<string, Tensor>;
  #taken: Set<string> | undefined;

  constructor(graph: Graph, context: ReformContext) {
    this.graph = graph;
    this.context = context;
    this.#constants = new Map(graph.initializers);
    this.#outputs = new Set(graph.outputs.map((o) => o.name));
    this.#inputs = new Set(graph.inputs.map((i) => i.name));
    for (const n of graph.nodes) {
      for (const o of n.outputs) if (o) this.#producers.set(o, n);
      for (const i of n.inputs) {
        const list = this.#consumers.get(i);
        if (list) list.push(n);
        else if (i) this.#consumers.set(i, [n]);
      }
    }
  }

  /** The ai.onnx nodes of one kind, as they were at first. */
  *all(...ops: readonly string[]): Generator<Node> {
    for (const n of this.graph.nodes)
      if (n.domain === '' && ops.includes(n.op) && !this.#replaced.has(n)) yield n;
  }

  /** The node that makes a value as its first output, where it is one of these operators. */
  made(value: string | undefined, ...ops: readonly string[]): Node | undefined {
    const n = this.#producers.get(value ?? '');
    return n && n.domain === '' && n.outputs[0] === value && (ops.length === 0 || ops.includes(n.op))
      ? n
      : undefined;
  }

  /** The one node that takes a value, which takes it once, and which nothing else needs. */
  only(value: string, ...ops: readonly string[]): Node | undefined {
    const list = this.#consumers.get(value);
    const n = list?.[0];
    if (!n || list.length > 1 || this.#outputs.has(value)) return undefined;
    return n.domain === '' && (ops.length === 0 || ops.includes(n.op)) ? n : undefined;
  }

  /** Whether no node but these takes a value. */
  within(value: string, nodes: readonly Node[]): boolean {
    const list = this.#consumers.get(value) ?? [];
    return (
      list.length <= 2 * nodes.length && !this.#outputs.has(value) && list.every((n) => nodes.includes(n))
    );
  }

  isOutput(value: string): boolean {
    return this.#outputs.has(value);
  }

  /** A constant that may be folded away: not one that is trained, nor an input's default. */
  constant(value: string | undefined): Tensor | undefined {
    if (!value || this.context.live.has(value) || this.#inputs.has(value)) return undefined;
    return this.#constants.get(value);
  }

  /** A float constant of one element. */
  number(value: string | undefined): number | undefined {
    const t = this.constant(value);
    return t?.dtype === 'float32' && t.data.length === 1 ? Number(t.data[0]) : undefined;
  }

  /** The integers of a constant. */
  integers(value: string | undefined): number[] | undefined {
    const t = this.constant(value);
    return t?.dtype === 'int64' && t.data.length <= 64
      ? Array.from(t.data as BigInt64Array, Number)
      : undefined;
  }

  isFloat(value: string): boolean {
    return this.context.type(value)?.dtype === 'float32';
  }

  /** A new constant. */
  addConstant(tensor: Tensor, hint: string): string {
    const name = this.fresh(hint);
    this.#constants.set(name, tensor);
    return name;
  }

  /** A name that no value has. */
  fresh(hint: string): string {
    this.#taken ??= valueNames(this.graph);
    let name = hint;
    for (let i = 1; this.#taken.has(name); i++) name = `${hint}_${i}`;
    this.#taken.add(name);
    return name;
  }

  /** A node that is to stand for `root`, with its name and its output. */
  standIn(
    root: Node,
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): Node {
    return { ...root, op, inputs, outputs: [root.outputs[0]!], attributes: toAttributes(attributes) };
  }

  /** The last of `by` gives what `node` gave. */
  replace(node: Node, ...by: readonly Node[]): void {
    this.#replaced.set(node, by);
    for (const n of by) for (const o of n.outputs) if (o) this.#producers.set(o, n);
  }

  /** The graph with its replacements, without what nothing needs any more. */
  finish(): Graph {
    if (this.#replaced.size === 0) return this.graph;
    const nodes = this.graph.nodes.flatMap((n) => this.#replaced.get(n) ?? [n]);
    return withoutUnused({ ...this.graph, nodes, initializers: this.#constants });
  }
}

/** Drops nodes, and constants that are not inputs' defaults, that no output needs. */
export function withoutUnused(graph: Graph): Graph {
  const needed = new Set([...graph.outputs, ...graph.inputs].map((v) => v.name));
  const nodes: Node[] = [];
  for (const n of graph.nodes.toReversed()) {
    if (!n.outputs.some((o) => o !== '' && needed.has(o))) continue;
    nodes.push(n);
    for (const i of n.inputs) needed.add(i);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: nodes.reverse(), initializers };
}

/** A binary node's other operand, beside one that `is` accepts; undefined where neither does. */
export function beside<T>(
  n: Node,
  is: (value: string) => T | undefined,
): { readonly found: T; readonly other: string } | undefined {
  const [a = '', b = ''] = n.inputs;
  const right = is(b);
  if (right !== undefined) return { found: right, other: a };
  const left = is(a);
  return left === undefined ? undefined : { found: left, other: b };
}

export const isClose = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.abs(b);

/** The axes of a Reduce node that keeps dimensions, each in [0, rank). */
export function reducedAxes(p: Patterns, n: Node): number[] | undefined {
  const rank = p.context.type(n.inputs[0]!)?.shape.length;
  const axes = p.integers(n.inputs[1]);
  if (rank === undefined || !axes || axes.length === 0 || intOf(n, 'keepdims', 1) !== 1) return undefined;
  return axes.map((a) => (a < 0 ? a + rank : a)).sort((a, b) => a - b);
}
