import { intOf, intsOf } from '../attributes.ts';
import { attributeDataType } from '../data-types.ts';
import { quotient, sum } from '../dims.ts';
import type { DataType, Dim } from '../ir.ts';
import {
  constantInts,
  knownScalar,
  MAX_RANK,
  mismatch,
  ranked,
  type ShapeContext,
  type ShapeRule,
} from './rule.ts';

const statedType = (c: ShapeContext, fallback: DataType): DataType =>
  c.node.attributes.has('dtype') ? attributeDataType(c.node, 'dtype') : fallback;

/** A shape that an input states, as far as it is known. @throws E_UNSUPPORTED where not even its rank is */
export function statedShape(c: ShapeContext, i: number, what = 'shape'): Dim[] {
  const dims = c.dims(i);
  if (dims?.some((d) => typeof d === 'number' && !Number.isInteger(d)))
    throw mismatch(c.node, `got [${dims}] as its ${what}`, 'integers');
  if (dims) return [...dims];
  const { shape } = c.input(i);
  const [rank] = shape;
  if (!c.constant(i) && shape.length === 1 && typeof rank === 'number' && rank <= MAX_RANK)
    return new Array<Dim>(rank).fill(null);
  return constantInts(c, i, what);
}

export const ConstantOfShape: ShapeRule = (c) => {
  const value = c.node.attributes.get('value');
  return [{ dtype: value?.type === 'tensor' ? value.value.dtype : 'float32', shape: statedShape(c, 0) }];
};

/** start, start + delta, … before limit. */
export const Range: ShapeRule = (c) => {
  const [start, limit, delta] = [knownScalar(c, 0), knownScalar(c, 1), knownScalar(c, 2)];
  return [{ dtype: c.input(0).dtype, shape: [countOf(start, limit, delta)] }];
};

/** How many numbers a range has. A range to a symbol is as long as that, in steps of one. */
export function countOf(start: Dim, limit: Dim, delta: Dim): Dim {
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number') {
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    return Number.isFinite(count) ? count : null;
  }
  return start === 0 && typeof delta === 'number'
    ? quotient(limit, delta)
    : delta === 1 && start === limit
      ? 0
      : null;
}

/** A square of the input's shape, or a rectangle, with ones on a diagonal. */
export const EyeLike: ShapeRule = (c) => [{ dtype: statedType(c, c.input(0).dtype), shape: ranked(c, 0, 2) }];

/** Random numbers in the shape that an attribute states. */
export const random: ShapeRule = (c) => [
  { dtype: statedType(c, 'float32'), shape: intsOf(c.node, 'shape') ?? [] },
];

/** Random numbers in the shape of the input. */
export const randomLike: ShapeRule = (c) => [
  { dtype: statedType(c, c.input(0).dtype), shape: c.input(0).shape },
];

export const NonZero: ShapeRule = (c) => [{ dtype: 'int64', shape: [c.input(0).shape.length, null] }];

export const Size: ShapeRule = (c) => [{ dtype: c.input(0) && 'int64', shape: [] }];

export const OneHot: ShapeRule = (c) => {
  const { shape } = c.input(0);
  const rank = shape.length + 1;
  const axis = intOf(c.node, 'axis', -1);
  const at = axis < 0 ? axis + rank : axis;
  if (!(at >= 0 && at < rank)) throw mismatch(c.node, `has axis ${axis}`, `an axis within rank ${rank}`);
  const size = sum(knownScalar(c, 1), 0);
  return [{ dtype: c.input(2).dtype, shape: [...shape.slice(0, at), size, ...shape.slice(at)] }];
};
