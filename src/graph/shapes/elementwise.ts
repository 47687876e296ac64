import { intOf } from '../attributes.ts';
import { attributeDataType } from '../data-types.ts';
import { broadcast, formatShape } from '../dims.ts';
import type { DataType, Dim } from '../ir.ts';
import { mismatch, type ShapeContext, type ShapeRule } from './rule.ts';

/** Same type and shape as the first input. */
export const same: ShapeRule = (c) => [c.input(0)];

/** Same shape as the first input, in booleans. */
export const test: ShapeRule = (c) => [{ dtype: 'bool', shape: c.input(0).shape }];

function broadcastInputs(c: ShapeContext): readonly Dim[] {
  if (c.node.inputs.length === 0) throw mismatch(c.node, 'has no inputs', 'one at least');
  let shape: readonly Dim[] = [];
  for (let i = 0; i < c.node.inputs.length; i++) {
    const next = broadcast(shape, c.input(i).shape);
    if (!next)
      throw mismatch(
        c.node,
        `got shapes ${formatShape(shape)} and ${formatShape(c.input(i).shape)}`,
        'shapes that broadcast',
      );
    shape = next;
  }
  return shape;
}

/** Broadcast over all inputs, keeping the element type. */
export const elementwise: ShapeRule = (c) => [{ shape: broadcastInputs(c), dtype: c.input(0).dtype }];

/** Broadcast over all inputs, giving booleans. */
export const comparison: ShapeRule = (c) => [{ dtype: 'bool', shape: broadcastInputs(c) }];

export const Where: ShapeRule = (c) => {
  const shape = broadcastInputs(c);
  return [{ dtype: c.input(1).dtype, shape }];
};

export const Cast: ShapeRule = (c) => [
  { dtype: attributeDataType(c.node, 'to') as DataType, shape: c.input(0).shape },
];

/** The same shape twice: the value and the mask (a bool). */
export const Dropout: ShapeRule = (c) => [c.input(0), { dtype: 'bool', shape: c.input(0).shape }];

/** The slope broadcasts to the input, and not the other way round. */
export const PRelu: ShapeRule = (c) => {
  const [x, slope] = [c.input(0), c.input(1)];
  const shape = broadcast(x.shape, slope.shape);
  const larger = shape?.some((d, i) => typeof d === 'number' && x.shape[i] === 1 && d !== 1);
  if (!shape || shape.length !== x.shape.length || larger)
    throw mismatch(
      c.node,
      `got a slope of shape ${formatShape(slope.shape)}`,
      `one that broadcasts to ${formatShape(x.shape)}`,
    );
  return [x];
};

/** Integers of the zero point's type, or of `output_dtype`. */
export const QuantizeLinear: ShapeRule = (c) => {
  const stated = intOf(c.node, 'output_dtype', 0);
  const dtype = c.has(2) ? c.input(2).dtype : stated ? attributeDataType(c.node, 'output_dtype') : 'uint8';
  return [{ dtype, shape: c.input(0).shape }];
};

export const DequantizeLinear: ShapeRule = (c) => [{ dtype: c.input(1).dtype, shape: c.input(0).shape }];
