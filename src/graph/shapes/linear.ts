import { intOf } from '../attributes.ts';
import { broadcast, formatShape } from '../dims.ts';
import type { Dim } from '../ir.ts';
import { axisOf, mismatch, ranked, type ShapeRule } from './rule.ts';

const agree = (a: Dim, b: Dim): boolean => a === b || typeof a !== 'number' || typeof b !== 'number';

export const Gemm: ShapeRule = (c) => {
  const a = ranked(c, 0, 2);
  const b = ranked(c, 1, 2);
  const [m, k] = intOf(c.node, 'transA', 0) ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [l, n] = intOf(c.node, 'transB', 0) ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  if (!agree(k, l))
    throw mismatch(c.node, `got shapes ${formatShape(a)} and ${formatShape(b)}`, 'inner sizes that agree');
  return [{ dtype: c.input(0).dtype, shape: [m, n] }];
};

export const MatMul: ShapeRule = (c) => {
  let a = c.input(0).shape;
  let b = c.input(1).shape;
  const error = () =>
    mismatch(c.node, `got shapes ${formatShape(a)} and ${formatShape(b)}`, 'inner sizes that agree');
  const vectors = [a.length === 1, b.length === 1];
  if (vectors[0]) a = [1, ...a];
  if (vectors[1]) b = [...b, 1];
  if (a.length < 2 || b.length < 2 || !agree(a.at(-1)!, b.at(-2)!)) throw error();
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
  if (!batch) throw error();
  const rows = vectors[0] ? [] : [a.at(-2)!];
  const columns = vectors[1] ? [] : [b.at(-1)!];
  return [{ dtype: c.input(0).dtype, shape: [...batch, ...rows, ...columns] }];
};

/** Scores `[N, C, …]` and labels `[N, …]` to a loss per sample, or to a scalar where it is reduced. */
export const SoftmaxCrossEntropyLoss: ShapeRule = (c) => {
  const scores = c.input(0);
  const reduction = c.node.attributes.get('reduction');
  const perSample = reduction?.type === 'string' && reduction.value === 'none';
  return [{ dtype: scores.dtype, shape: perSample ? c.input(1).shape : [] }, scores];
};

export const OneHot: ShapeRule = (c) => {
  const { shape } = c.input(0);
  const depth = c.constant(1);
  const axis = intOf(c.node, 'axis', -1);
  const at = axis < 0 ? axis + shape.length + 1 : axisOf(c.node, axis, shape.length + 1);
  const size: Dim = depth ? Number(depth.data[0]) : null;
  return [{ dtype: c.input(2).dtype, shape: [...shape.slice(0, at), size, ...shape.slice(at)] }];
};
