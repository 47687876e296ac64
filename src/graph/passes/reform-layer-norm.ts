import { float, float32 } from '../attributes.ts';
import type { Node } from '../ir.ts';
import { beside, isClose, Patterns, type Reform, reducedAxes } from './reform-pattern.ts';

/** The largest scale of ones that is made where a model has none. */
const MOST_ONES = 2 ** 20;

/**
 * (x − mean)/√(mean((x − mean)²) + ε)·γ + β over the last axes, as LayerNormalization. The square may be Pow or Mul, the
 * division one by the root, or a product with its reciprocal; γ and β may be missing.
 */
export const layerNormalizations: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  for (const n of p.all('Div', 'Mul')) {
    const found = normalised(p, n);
    if (!found) continue;
    const { x, axis, dims, epsilon } = found;
    const scale = operand(p, n.outputs[0]!, 'Mul', dims);
    const bias = operand(p, scale?.node.outputs[0] ?? n.outputs[0]!, 'Add', dims);
    let gamma = scale?.value;
    if (gamma === undefined) {
      const size = dims.reduce((a, d) => a * d, 1);
      if (size > MOST_ONES) continue;
      gamma = p.addConstant(float32(new Float32Array(size).fill(1), dims), `${n.outputs[0]}_ones`);
    }
    const root = bias?.node ?? scale?.node ?? n;
    const inputs = [x, gamma, ...(bias ? [bias.value] : [])];
    p.replace(root, p.standIn(root, 'LayerNormalization', inputs, { axis, epsilon: float(epsilon) }));
  }
  return p.finish();
};

interface Normalised {
  readonly x: string;
  readonly axis: number;
  /** Sizes of the normalised axes. */
  readonly dims: readonly number[];
  readonly epsilon: number;
}

function normalised(p: Patterns, n: Node): Normalised | undefined {
  const quotient = byDeviation(p, n);
  if (!quotient) return undefined;
  const { centred, shifted, between } = quotient;
  const sum = p.made(shifted, 'Add');
  const offset = sum && beside(sum, (v) => p.number(v));
  const variance = offset && p.made(offset.other, 'ReduceMean');
  const square = variance && p.made(variance.inputs[0], 'Pow', 'Mul');
  if (!square || !(offset.found >= 0)) return undefined;
  const [base = '', power = ''] = square.inputs;
  if (square.op === 'Pow' ? p.number(power) !== 2 : base !== power) return undefined;

  const first = p.made(centred, 'Sub');
  const second = base === centred ? first : p.made(base, 'Sub');
  if (!first || !second || first.inputs.join() !== second.inputs.join()) return undefined;
  const [x = '', average = ''] = first.inputs;
  const mean = p.made(average, 'ReduceMean');
  if (!mean || mean.inputs[0] !== x || !p.isFloat(x)) return undefined;

  const inner = [n, sum, variance, square, first, second, mean, ...between];
  const values = inner.map((m) => m.outputs[0]!).filter((v) => v !== n.outputs[0]);
  if (!values.every((v) => p.within(v, inner))) return undefined;

  const shape = p.context.type(x)!.shape;
  const [axes, others] = [reducedAxes(p, mean), reducedAxes(p, variance)];
  if (!axes || axes.join() !== others?.join()) return undefined;
  const axis = shape.length - axes.length;
  const dims = shape.slice(axis);
  if (axes.some((a, i) => a !== axis + i) || !dims.every((d) => typeof d === 'number')) return undefined;
  return { x, axis: axis - shape.length, dims: dims as number[], epsilon: offset.found };
}

interface Quotient {
  readonly centred: string;
  /** What the root is taken of: the variance and ε. */
  readonly shifted: string;
  readonly between: readonly Node[];
}

/** c/√v, or c·(1/√v), or c·v^(−½) in either order. */
function byDeviation(p: Patterns, n: Node): Quotient | undefined {
  if (n.op === 'Div') {
    const root = p.made(n.inputs[1], 'Sqrt');
    return root && { centred: n.inputs[0]!, shifted: root.inputs[0]!, between: [root] };
  }
  const inverse = beside(n, (v) => inverseRoot(p, v));
  return inverse && { centred: inverse.other, ...inverse.found };
}

function inverseRoot(p: Patterns, value: string): Omit<Quotient, 'centred'> | undefined {
  const n = p.made(value, 'Div', 'Pow');
  if (!n) return undefined;
  if (n.op === 'Pow')
    return isClose(p.number(n.inputs[1]) ?? 0, -0.5) ? { shifted: n.inputs[0]!, between: [n] } : undefined;
  const root = p.made(n.inputs[1], 'Sqrt');
  return root && p.number(n.inputs[0]) === 1 ? { shifted: root.inputs[0]!, between: [n, root] } : undefined;
}

/** The scale or bias that the only node after `value` applies: its shape must be that of the normalised axes. */
function operand(
  p: Patterns,
  value: string,
  op: string,
  dims: readonly number[],
): { readonly node: Node; readonly value: string } | undefined {
  const node = p.only(value, op);
  if (!node) return undefined;
  const other = node.inputs[0] === value ? node.inputs[1]! : node.inputs[0]!;
  const shape = p.context.type(other)?.shape;
  if (!shape || !p.isFloat(other)) return undefined;
  if (shape.join() === dims.join()) return { node, value: other };
  // A constant may have ones in front, which LayerNormalization does not take.
  const t = p.constant(other);
  const ones = shape.slice(0, Math.max(0, shape.length - dims.length));
  if (!t || ones.some((d) => d !== 1) || shape.slice(ones.length).join() !== dims.join()) return undefined;
  if (shape.length > (p.context.type(value)?.shape.length ?? 0)) return undefined;
  return { node, value: p.addConstant({ ...t, shape: dims }, other) };
}
