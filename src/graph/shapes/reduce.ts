import { intOf, intsOf } from '../attributes.ts';
import type { Node } from '../ir.ts';
import type { LayoutContext } from './layout.ts';
import { axesOf, axisOf, constantInts, type ShapeRule } from './rule.ts';

/** The axes a Reduce node sums over, sorted. */
export function reducedAxes(c: LayoutContext): number[] {
  const rank = c.input(0).shape.length;
  const given = c.has(1) ? constantInts(c, 1, 'axes') : intsOf(c.node, 'axes');
  if (!given || given.length === 0)
    return intOf(c.node, 'noop_with_empty_axes', 0) ? [] : Array.from({ length: rank }, (_, i) => i);
  return axesOf(c.node, given, rank).sort((a, b) => a - b);
}

export const keepsDims = (node: Node): boolean => intOf(node, 'keepdims', 1) !== 0;

export const reduce: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axes = new Set(reducedAxes(c));
  const keep = keepsDims(c.node);
  return [
    {
      dtype,
      shape: keep ? shape.map((d, i) => (axes.has(i) ? 1 : d)) : shape.filter((_, i) => !axes.has(i)),
    },
  ];
};

/** ArgMax and ArgMin. */
export const arg: ShapeRule = (c) => {
  const { shape } = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', 0), shape.length);
  const out = keepsDims(c.node) ? shape.with(axis, 1) : shape.filter((_, i) => i !== axis);
  return [{ dtype: 'int64', shape: out }];
};
