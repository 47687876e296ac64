import { TouchstoneError } from '../errors.ts';
import { type Graph, GraphBuilder, isOp, type Node, nodeLabel, type Value } from '../graph/index.ts';
import { addPhases, interleave } from './phases.ts';
import { rules, STOP } from './rules/index.ts';
import { type Adjoint, type Emitter, type Phased, refuse, Tape } from './tape.ts';

export interface GradientOptions {
  /** The value whose sum is differentiated: a loss per sample, `[N]`, or a scalar. */
  readonly of: Value;
  /** The values to differentiate by: inputs or parameters. */
  readonly wrt: readonly Value[];
  /** @default 'cpu' */
  readonly emitter?: Emitter;
}

/**
 * Reverse-mode differentiation on a graph under construction: appends the gradient of Σ `of` with respect to
 * each value of `wrt`.
 *
 * @returns the value that holds each gradient, in the order of `wrt`
 * @throws E_UNSUPPORTED naming the node that no gradient goes through
 */
export function backward(b: GraphBuilder, { of, wrt, emitter = 'cpu' }: GradientOptions): Value[] {
  const forward = [...b.nodes];
  const depends = dependents(b, wrt);
  const t = new Tape(b, emitter, (v) => depends.has(v));
  const parts = new Map<Value, Adjoint[]>();
  const contribute = (value: Value, part: Adjoint) => {
    const list = parts.get(value);
    if (list) list.push(part);
    else parts.set(value, [part]);
  };
  const gradientOf = (value: Value) => {
    const list = parts.get(value);
    return list && sum(t, list, value);
  };

  contribute(of, t.expandLike(ones(b, of), of, [...b.shape(of).keys()]));
  for (const node of forward.toReversed()) {
    if (!node.outputs.some((o) => depends.has(o))) continue;
    const g = node.outputs.map((o) => (o ? gradientOf(o) : undefined));
    if (g.every((v) => v === undefined)) continue;
    if (node.domain !== '' || !isOp(node.op)) throw refuse(node, 'is not an operator with a gradient rule');
    const rule = rules[node.op];
    if (rule === STOP) continue;
    const gradients = rule(t, node, g);
    for (const [i, input] of node.inputs.entries()) {
      const gradient = gradients[i];
      if (input && gradient !== undefined && depends.has(input)) contribute(input, gradient);
    }
  }

  return wrt.map((value) => {
    const gradient = gradientOf(value);
    if (gradient === undefined)
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `no gradient reaches "${value}" from "${of}"`,
        'a path of differentiable operators',
        blame(forward, depends, of),
      );
    return gradient;
  });
}

/** The operators at which the gradient stops, for the error message. */
function blame(forward: readonly Node[], depends: ReadonlySet<Value>, of: Value): string {
  const stops = forward.filter(
    (n) => isOp(n.op) && rules[n.op] === STOP && n.inputs.some((i) => depends.has(i)),
  );
  return stops.length
    ? `it stops at ${stops.map(nodeLabel).slice(0, 3).join(', ')}`
    : `"${of}" does not depend on it`;
}

const ones = (b: GraphBuilder, of: Value): Value =>
  b.floats(
    [1],
    b.shape(of).map(() => 1),
  );

/** All values that change with one of `wrt`. */
function dependents(b: GraphBuilder, wrt: readonly Value[]): ReadonlySet<Value> {
  const set = new Set(wrt);
  for (const node of b.nodes)
    if (node.inputs.some((i) => set.has(i))) for (const o of node.outputs) if (o) set.add(o);
  return set;
}

/** Adds up the contributions to one value: phases of the same stride among themselves first. */
function sum(t: Tape, list: readonly Adjoint[], like: Value): Value {
  const dense: Value[] = [];
  const phased = new Map<number, Phased[]>();
  for (const part of list) {
    if (typeof part === 'string') dense.push(part);
    else phased.set(part.stride, [...(phased.get(part.stride) ?? []), part]);
  }
  for (const group of phased.values()) dense.push(t.blocked(interleave(t, addPhases(t, group), like)));
  return dense.reduce((a, v) => t.add(a, v));
}

/**
 * The gradient of a graph, as a new graph of standard operators: the forward graph's outputs, then one output per
 * value of `wrt`.
 *
 * @param names the names of the gradient outputs, in the order of `wrt`
 */
export function gradient(graph: Graph, options: GradientOptions, names: readonly string[]): Graph {
  const b = GraphBuilder.from(graph);
  const gradients = backward(b, options);
  for (const output of graph.outputs) b.output(output.name);
  for (const [i, value] of gradients.entries()) b.output(value, names[i]!);
  return b.build(`${graph.name}_gradient`);
}
