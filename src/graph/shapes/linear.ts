import { intOf, stringOf } from '../attributes.ts';
import { broadcast, formatShape } from '../dims.ts';
import type { Dim, Node } from '../ir.ts';
import { axisOf, mismatch, ranked, rankedFrom, type ShapeRule } from './rule.ts';

const agree = (a: Dim, b: Dim): boolean => a === b || typeof a !== 'number' || typeof b !== 'number';

export const Gemm: ShapeRule = (c) => {
  const a = ranked(c, 0, 2);
  const b = ranked(c, 1, 2);
  const [m, k] = intOf(c.node, 'transA', 0) ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [l, n] = intOf(c.node, 'transB', 0) ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  if (!agree(k, l))
    throw mismatch(c.node, `got shapes ${formatShape(a)} and ${formatShape(b)}`, 'inner sizes that agree');
  if (c.has(2)) {
    const { shape } = c.input(2);
    if (shape.length > 2 || !broadcast([m, n], shape))
      throw mismatch(
        c.node,
        `got C of shape ${formatShape(shape)}`,
        `one that broadcasts to ${formatShape([m, n])}`,
      );
  }
  return [{ dtype: c.input(0).dtype, shape: [m, n] }];
};

export const MatMul: ShapeRule = (c) => {
  let a = rankedFrom(c, 0, 1);
  let b = rankedFrom(c, 1, 1);
  const error = () =>
    mismatch(c.node, `got shapes ${formatShape(a)} and ${formatShape(b)}`, 'inner sizes that agree');
  const vectors = [a.length === 1, b.length === 1];
  if (vectors[0]) a = [1, ...a];
  if (vectors[1]) b = [...b, 1];
  if (!agree(a.at(-1)!, b.at(-2)!)) throw error();
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
  if (!batch) throw error();
  const rows = vectors[0] ? [] : [a.at(-2)!];
  const columns = vectors[1] ? [] : [b.at(-1)!];
  return [{ dtype: c.input(0).dtype, shape: [...batch, ...rows, ...columns] }];
};

/** Scores `[N, C, …]` and labels `[N, …]` to a loss per sample, or to a scalar where it is reduced. */
export const SoftmaxCrossEntropyLoss: ShapeRule = (c) => {
  const scores = c.input(0);
  rankedFrom(c, 0, 2);
  const perSample = stringOf(c.node, 'reduction', 'mean') === 'none';
  return [{ dtype: scores.dtype, shape: perSample ? c.input(1).shape : [] }, scores];
};

/** Mean and inverse deviation have size 1 on the axes that are normalised. */
export const LayerNormalization: ShapeRule = (c) => {
  const x = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', -1), x.shape.length);
  for (const i of [1, 2]) {
    if (i === 2 && !c.has(i)) continue;
    const { shape } = c.input(i);
    const fits = broadcast(x.shape, shape);
    if (!fits || fits.length !== x.shape.length)
      throw mismatch(
        c.node,
        `got shape ${formatShape(shape)} as its input ${i}`,
        `one that broadcasts to ${formatShape(x.shape)}`,
      );
  }
  const statistic = { dtype: 'float32', shape: x.shape.map((d, i) => (i < axis ? d : 1)) } as const;
  return [x, statistic, statistic];
};

/** An Einsum's equation: the labels of each operand and of the output, `.` for the axes of an ellipsis. */
export interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** More terms and labels than anyone writes. */
const LONGEST = 1024;

/**
 * Reads an equation, `bij,bjk->bik`; the output it leaves out is every label that appears once, in order.
 *
 * @throws E_SHAPE where it is none
 */
export function equationOf(node: Node): Equation {
  const text = stringOf(node, 'equation', '').replaceAll(' ', '');
  const [left, right, more] = text.slice(0, LONGEST + 1).split('->');
  const term = (part: string): string[] => {
    const labels = [...part.replace('...', '.')];
    if (labels.some((l) => !/[A-Za-z.]/.test(l)) || labels.filter((l) => l === '.').length > 1)
      throw mismatch(node, `has the equation "${text.slice(0, 80)}"`, 'letters, commas, ... and ->');
    return labels;
  };
  if (text.length > LONGEST || more !== undefined || text === '')
    throw mismatch(node, `has the equation "${text.slice(0, 80)}"`, 'one with at most one ->');
  const operands = left!.split(',').map(term);
  if (right !== undefined) return { operands, output: term(right) };
  const all = operands.flat();
  const once = [...new Set(all)].filter((l) => l !== '.' && all.indexOf(l) === all.lastIndexOf(l)).sort();
  return { operands, output: all.includes('.') ? ['.', ...once] : once };
}

export const Einsum: ShapeRule = (c) => {
  const { operands, output } = equationOf(c.node);
  if (operands.length !== c.node.inputs.length)
    throw mismatch(c.node, `has ${c.node.inputs.length} inputs`, `${operands.length}, as its equation says`);
  const sizes = new Map<string, Dim>();
  let ellipsis: Dim[] = [];
  for (const [i, labels] of operands.entries()) {
    const { shape } = c.input(i);
    const error = () =>
      mismatch(c.node, `got shape ${formatShape(shape)} as its input ${i}`, `"${labels.join('')}"`);
    const dots = labels.includes('.') ? shape.length - (labels.length - 1) : 0;
    if (dots < 0 || (!labels.includes('.') && labels.length !== shape.length)) throw error();
    let axis = 0;
    for (const label of labels) {
      if (label === '.') {
        const joined = broadcast(ellipsis, shape.slice(axis, axis + dots));
        if (!joined) throw error();
        ellipsis = joined;
        axis += dots;
        continue;
      }
      const joined = broadcast([sizes.get(label) ?? 1], [shape[axis++]!]);
      if (!joined) throw error();
      sizes.set(label, joined[0]!);
    }
  }
  const shape = output.flatMap((label) => {
    if (label === '.') return ellipsis;
    const size = sizes.get(label);
    if (size === undefined) throw mismatch(c.node, `has an output label ${label}`, 'a label of its inputs');
    return [size];
  });
  return [{ dtype: c.input(0).dtype, shape }];
};
