import type * as tf from '@tensorflow/tfjs-core';
import { TouchstoneError } from '../../errors.ts';
import { callKernel, type Graph, int64, intOf, isOp, type Node, nodeLabel } from '../../graph/index.ts';
import { Call, type Output } from './call.ts';
import { Held } from './held.ts';
import { ops } from './ops/index.ts';

/** Values of at most this many elements that follow from shapes and constants are computed here, in float64. */
const MOST_HERE = 4096;

/**
 * A graph that tfjs operators run, node by node. What follows from shapes alone is computed on the host, so that no size is
 * ever read back from the device.
 */
export class Interpreter {
  readonly graph: Graph;
  readonly #constants = new Map<string, Held>();
  /** For each node, the values that nothing after it needs. */
  readonly #expiring: readonly (readonly string[])[];

  /** @throws E_UNSUPPORTED naming the first node that tfjs has no operators for */
  constructor(graph: Graph) {
    this.graph = graph;
    for (const node of graph.nodes) refuseUnknown(node);
    this.#expiring = lastUses(graph);
  }

  /**
   * Runs the graph.
   *
   * @param feeds a value for each input, and for any initializer that is to be another
   * @param options.free whether values are freed once nothing needs them: not under a tape, which does
   * @returns every output of the graph by name
   */
  run(feeds: ReadonlyMap<string, Held>, { free = false } = {}): Map<string, Held> {
    const values = new Map(feeds);
    const made = new Set<Held>();
    for (const [i, node] of this.graph.nodes.entries()) {
      const inputs = node.inputs.map((name) => (name ? this.#value(values, name, node) : undefined));
      for (const [k, output] of results(node, inputs).entries()) {
        const name = node.outputs[k];
        if (!output || !name) continue;
        values.set(name, output);
        // An operator may hand on what it was given, which is not its to free.
        if (!inputs.includes(output)) made.add(output);
      }
      if (!free) continue;
      for (const name of this.#expiring[i]!) {
        const value = values.get(name);
        values.delete(name);
        if (value && made.has(value) && ![...values.values()].includes(value)) value.dispose();
      }
    }
    return new Map(this.graph.outputs.map(({ name }) => [name, this.#value(values, name)]));
  }

  /** Frees the constants. */
  close(): void {
    for (const held of this.#constants.values()) held.forget();
    this.#constants.clear();
  }

  #value(values: ReadonlyMap<string, Held>, name: string, by?: Node): Held {
    const held = values.get(name) ?? this.#constants.get(name);
    if (held) return held;
    const initializer = this.graph.initializers.get(name);
    if (!initializer) throw this.#missing(name, by);
    const constant = Held.known(initializer, { lasting: true });
    this.#constants.set(name, constant);
    return constant;
  }

  #missing(name: string, by: Node | undefined): TouchstoneError {
    const user = by ? nodeLabel(by) : 'the graph';
    const maker = this.graph.nodes.find((n) => n.outputs.includes(name));
    if (!maker) return new TouchstoneError('E_ONNX', `${user} needs "${name}"`, 'a value before it');
    return new TouchstoneError(
      'E_UNSUPPORTED',
      `the tensorflow engine cannot run ${user}: it needs output ${maker.outputs.indexOf(name)} of ${nodeLabel(maker)}`,
      undefined,
      'use --engine onnxruntime',
    );
  }
}

function refuseUnknown(node: Node): void {
  const entry =
    node.domain === '' && isOp(node.op) ? ops[node.op] : 'no operator of ONNX that the project knows';
  if (typeof entry === 'string')
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `the tensorflow engine cannot run ${nodeLabel(node)}: ${entry}`,
      undefined,
      'use --engine onnxruntime',
    );
}

/** What a node gives, in order. */
function results(node: Node, inputs: readonly (Held | undefined)[]): readonly (Held | undefined)[] {
  const here = onHost(node, inputs);
  if (here) return here;
  const c = new Call(node, inputs);
  const op = ops[node.op as keyof typeof ops];
  if (typeof op === 'string') throw c.unsupported(op);
  const output = op(c);
  const outputs: readonly (Output | undefined)[] = Array.isArray(output) ? output : [output as Output];
  return outputs.map((o, k) =>
    o === undefined || o instanceof Held ? o : Held.plain(c.type(k).dtype, o as tf.Tensor),
  );
}

const RANDOM = /^(Random|Bernoulli|Dropout)/;

/** Small values that follow from what is known are computed by the reference interpreter. */
function onHost(node: Node, inputs: readonly (Held | undefined)[]): readonly Held[] | undefined {
  if (node.op === 'Shape' || node.op === 'Size') return inputs[0] && [measured(node, inputs[0])];
  if (RANDOM.test(node.op) || inputs.length === 0) return undefined;
  let elements = 0;
  for (const h of inputs) elements += h ? h.shape.reduce((a, b) => a * b, 1) : 0;
  if (elements > MOST_HERE || !inputs.every((h) => !h || h.known())) return undefined;
  const dense = inputs.map((h) => h?.known());
  try {
    return callKernel(node, dense, MOST_HERE).map((d) => Held.known(d));
  } catch (error) {
    // Too large to be computed here: the device does it.
    if (error instanceof TouchstoneError && error.code === 'E_UNSUPPORTED') return undefined;
    throw error;
  }
}

/** Shape and Size look at no element. */
function measured(node: Node, { shape }: Held): Held {
  const ends = { start: intOf(node, 'start', 0), end: intOf(node, 'end', shape.length) };
  if (node.op === 'Shape') return Held.known(int64(shape.slice(ends.start, ends.end)));
  return Held.known(int64([shape.reduce((a, b) => a * b, 1)], []));
}

/** For each node, the values that nothing after it needs. */
function lastUses(graph: Graph): string[][] {
  const last = new Map<string, number>();
  for (const [i, node] of graph.nodes.entries())
    for (const name of [...node.inputs, ...node.outputs]) if (name) last.set(name, i);
  for (const { name } of graph.outputs) last.delete(name);
  const expiring: string[][] = graph.nodes.map(() => []);
  for (const [name, i] of last) expiring[i]!.push(name);
  return expiring;
}
