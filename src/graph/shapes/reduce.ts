import { intOf, intsOf } from '../attributes.ts';
import type { Node } from '../ir.ts';
import { axisOf, constantInts, type ShapeContext, type ShapeRule } from './rule.ts';

/** The axes a Reduce node sums over, sorted: from its input (ReduceSum since 13, the others since 18) or attribute. */
export function reducedAxes(
  c: Pick<ShapeContext, 'node' | 'has' | 'constant' | 'input' | 'opset'>,
): number[] {
  const rank = c.input(0).shape.length;
  const given = c.has(1) ? constantInts(c, 1, 'axes') : intsOf(c.node, 'axes');
  if (!given || given.length === 0)
    return intOf(c.node, 'noop_with_empty_axes', 0) ? [] : Array.from({ length: rank }, (_, i) => i);
  return given.map((a) => axisOf(c.node, a, rank)).sort((a, b) => a - b);
}

export const keepsDims = (node: Node): boolean => intOf(node, 'keepdims', 1) === 1;

export const reduce: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axes = reducedAxes(c);
  const keep = keepsDims(c.node);
  return [
    {
      dtype,
      shape: keep
        ? shape.map((d, i) => (axes.includes(i) ? 1 : d))
        : shape.filter((_, i) => !axes.includes(i)),
    },
  ];
};

export const ArgMax: ShapeRule = (c) => {
  const { shape } = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', 0), shape.length);
  const out = keepsDims(c.node)
    ? shape.map((d, i) => (i === axis ? 1 : d))
    : shape.filter((_, i) => i !== axis);
  return [{ dtype: 'int64', shape: out }];
};
