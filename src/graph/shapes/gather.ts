import { intOf } from '../attributes.ts';
import { formatShape } from '../dims.ts';
import type { Dim } from '../ir.ts';
import { axisOf, knownScalar, mismatch, rankedFrom, type ShapeContext, type ShapeRule } from './rule.ts';

export const Gather: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', 0), shape.length);
  return [{ dtype, shape: [...shape.slice(0, axis), ...c.input(1).shape, ...shape.slice(axis + 1)] }];
};

/** Refuses indices of another rank than the data's. */
function indicesLike(c: ShapeContext): readonly Dim[] {
  const [{ shape: data }, { shape: indices }] = [c.input(0), c.input(1)];
  if (data.length !== indices.length || data.length === 0)
    throw mismatch(
      c.node,
      `got shapes ${formatShape(data)} and ${formatShape(indices)}`,
      'indices of the rank of the data, 1 at least',
    );
  axisOf(c.node, intOf(c.node, 'axis', 0), data.length);
  return indices;
}

export const GatherElements: ShapeRule = (c) => [{ shape: indicesLike(c), dtype: c.input(0).dtype }];

export const ScatterElements: ShapeRule = (c) => {
  const indices = indicesLike(c);
  const { shape: updates } = c.input(2);
  if (updates.length !== indices.length)
    throw mismatch(c.node, `got updates of shape ${formatShape(updates)}`, formatShape(indices));
  return [c.input(0)];
};

/** The last dimension of the indices of GatherND and ScatterND: how many axes they index. */
function indexed(c: ShapeContext, batch: number): { indices: readonly Dim[]; depth: number } {
  const data = rankedFrom(c, 0, 1);
  const indices = rankedFrom(c, 1, 1);
  const depth = indices.at(-1)!;
  if (!(batch >= 0 && batch < Math.min(data.length, indices.length)))
    throw mismatch(c.node, `has ${batch} batch dimensions`, `fewer than both ranks`);
  if (typeof depth !== 'number' || depth < 0 || depth + batch > data.length)
    throw mismatch(
      c.node,
      `got shapes ${formatShape(data)} and ${formatShape(indices)}`,
      'indices whose last size is at most the rank of the data',
    );
  return { indices, depth };
}

export const GatherND: ShapeRule = (c) => {
  const batch = intOf(c.node, 'batch_dims', 0);
  const { indices, depth } = indexed(c, batch);
  const { dtype, shape } = c.input(0);
  return [{ dtype, shape: [...indices.slice(0, -1), ...shape.slice(batch + depth)] }];
};

export const ScatterND: ShapeRule = (c) => {
  const { indices, depth } = indexed(c, 0);
  const { shape: updates } = c.input(2);
  const rank = indices.length - 1 + c.input(0).shape.length - depth;
  if (updates.length !== rank)
    throw mismatch(c.node, `got updates of shape ${formatShape(updates)}`, `rank ${rank}`);
  return [c.input(0)];
};

/** The k largest or smallest along an axis, and where they are. */
export const TopK: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', -1), shape.length);
  const k = knownScalar(c, 1);
  const size = shape[axis]!;
  if (typeof k === 'number' && (k < 0 || (typeof size === 'number' && k > size)))
    throw mismatch(c.node, `takes ${k} of ${size}`, 'no more than there are');
  const out = shape.with(axis, k);
  return [
    { dtype, shape: out },
    { dtype: 'int64', shape: out },
  ];
};
