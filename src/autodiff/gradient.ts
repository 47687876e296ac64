import { TouchstoneError } from '../errors.ts';
import {
  type DataType,
  formatShape,
  type Graph,
  GraphBuilder,
  isFloat,
  isOp,
  type Node,
  nodeLabel,
  type Value,
} from '../graph/index.ts';
import { addPhases, interleave } from './phases.ts';
import { rules, STOP } from './rules/index.ts';
import { type Adjoint, type Emitter, type Phased, refuse, Tape } from './tape.ts';

export { type ZeroGradient, zeroGradientNodes } from './zero-gradients.ts';

export interface GradientOptions {
  /** The value whose sum is differentiated: a loss per sample, `[N]`, or a scalar. */
  readonly of: Value;
  /** The values to differentiate by: inputs or parameters. */
  readonly wrt: readonly Value[];
  /** @default 'cpu' */
  readonly emitter?: Emitter;
  /**
   * Whether convolutions will run in onnxruntime's blocked layout, so that it pays to enter it for masks: where weights are
   * fed and not constants, they do not. @default true
   */
  readonly blocked?: boolean;
  /** Those of `wrt` whose gradient is zeros where none reaches them; for the others that is an error. @default none */
  readonly optional?: ReadonlySet<Value>;
}

/**
 * Reverse-mode differentiation on a graph under construction: appends the gradient of Σ `of` with respect to
 * each value of `wrt`.
 *
 * @returns the value that holds each gradient, in the order of `wrt`
 * @throws E_UNSUPPORTED naming the node that no gradient goes through
 */
export function backward(b: GraphBuilder, options: GradientOptions): Value[] {
  const { of, wrt, emitter = 'cpu', blocked = true, optional } = options;
  const forward = [...b.nodes];
  const depends = dependents(b, wrt);
  const t = new Tape(b, emitter, blocked, (v) => depends.has(v) && carries(b.type(v).dtype));
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
    if (node.domain !== '' || !isOp(node.op))
      throw refuse(
        node,
        'is not an operator with a gradient rule',
        'export the model with standard ai.onnx operators only',
      );
    const rule = rules[node.op];
    if (rule === STOP) continue;
    checkPrecision(b, node);
    // Of nothing there is no gradient, and Reshape would read a size of 0 as "keep".
    const empty = g.every((v) => v === undefined || b.shape(v).includes(0));
    const gradients = empty
      ? node.inputs.map((v, i) => (t.needs(node, i) ? t.zerosLike(v) : undefined))
      : rule(t, node, g);
    for (const [i, input] of node.inputs.entries()) {
      const gradient = gradients[i];
      if (gradient === undefined || !t.needs(node, i)) continue;
      checkShape(b, node, input, gradient);
      contribute(input, gradient);
    }
  }

  return wrt.map((value) => {
    const gradient = gradientOf(value);
    if (gradient === undefined && optional?.has(value)) return t.zerosLike(value);
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

/** Types through which a gradient flows: floats, and the integers of a quantised model. */
const carries = (dtype: DataType): boolean => isFloat(dtype) || /^u?int(2|4|8|16)$/.test(dtype);

/** Gradients are computed in float32. */
function checkPrecision(b: GraphBuilder, node: Node): void {
  if (node.op === 'Cast') return;
  for (const output of node.outputs) {
    const dtype = output ? b.type(output).dtype : 'float32';
    if (isFloat(dtype) && dtype !== 'float32')
      throw refuse(node, `computes in ${dtype}`, 'read the model with its floats as float32');
  }
}

/** A gradient is shaped as its value; a node whose form a rule misjudged must not give a wrong one. */
function checkShape(b: GraphBuilder, node: Node, value: Value, gradient: Adjoint): void {
  if (typeof gradient !== 'string') return;
  const [got, expected] = [b.shape(gradient), b.shape(value)];
  const differs = (i: number) =>
    typeof got[i] === 'number' && typeof expected[i] === 'number' && got[i] !== expected[i];
  if (got.length === expected.length && !expected.some((_, i) => differs(i))) return;
  throw refuse(
    node,
    `has a form that no rule fits: a gradient ${formatShape(got)} for an input ${formatShape(expected)}`,
  );
}

/** The operators at which the gradient stops, for the error message. */
function blame(forward: readonly Node[], depends: ReadonlySet<Value>, of: Value): string {
  const stops = forward.filter(
    (n) => n.domain === '' && isOp(n.op) && rules[n.op] === STOP && n.inputs.some((i) => depends.has(i)),
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
