import { attributeDataType } from '../data-types.ts';
import { broadcast, formatShape } from '../dims.ts';
import type { DataType, Dim } from '../ir.ts';
import { mismatch, type ShapeContext, type ShapeRule } from './rule.ts';

/** Same type and shape as the first input. */
export const same: ShapeRule = (c) => [c.input(0)];

function broadcastInputs(c: ShapeContext, from = 0): readonly Dim[] {
  let shape: readonly Dim[] = [];
  for (let i = from; i < c.node.inputs.length; i++) {
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
export const elementwise: ShapeRule = (c) => [{ dtype: c.input(0).dtype, shape: broadcastInputs(c) }];

/** Broadcast over all inputs, giving booleans. */
export const comparison: ShapeRule = (c) => [{ dtype: 'bool', shape: broadcastInputs(c) }];

export const Where: ShapeRule = (c) => [{ dtype: c.input(1).dtype, shape: broadcastInputs(c) }];

export const Cast: ShapeRule = (c) => [
  { dtype: attributeDataType(c.node, 'to') as DataType, shape: c.input(0).shape },
];

/** The same shape twice: the value and the mask (a bool). */
export const Dropout: ShapeRule = (c) => [c.input(0), { dtype: 'bool', shape: c.input(0).shape }];
