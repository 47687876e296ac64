import fc from 'fast-check';
import type { Op } from '../../../src/graph/index.ts';
import { casts, isInf, mod, one, SPECIAL, two, where } from './elementwise.ts';
import { drawn, type Forms, NUMBERS, shapes, smooth } from './form.ts';
import { crossEntropy, dequantise, quantise, resize } from './resample.ts';
import {
  best,
  constantOfShape,
  constants,
  eyeLike,
  gather,
  longRange,
  measured,
  onAxis,
  oneHot,
  range,
  scatterBooleans,
  scatterElements,
  scatterND,
  topK,
} from './select.ts';

export type { Form } from './form.ts';

const dropout: Forms = shapes(0, 3).chain((shape) => smooth(shape).map((x) => ({ inputs: [x], outputs: 2 })));

const byOp: Partial<Record<Op, Forms>> = {
  And: two(['bool']),
  ArgMax: best,
  ArgMin: best,
  Constant: constants,
  ConstantOfShape: constantOfShape,
  DequantizeLinear: dequantise,
  Dropout: dropout,
  Equal: two([...NUMBERS, 'bool']),
  EyeLike: eyeLike,
  Gather: gather,
  Greater: two(NUMBERS),
  GreaterOrEqual: two(NUMBERS),
  Hardmax: onAxis((shape) => drawn('float32', shape)),
  IsInf: isInf,
  IsNaN: one(['float32'], SPECIAL),
  Less: two(NUMBERS),
  LessOrEqual: two(NUMBERS),
  LogSoftmax: onAxis(smooth),
  Mod: mod,
  Not: one(['bool']),
  OneHot: oneHot,
  Or: two(['bool']),
  QuantizeLinear: quantise,
  Range: fc.oneof({ arbitrary: range, weight: 5 }, { arbitrary: longRange, weight: 1 }),
  Resize: resize,
  Round: one(['float32'], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, 3.51]),
  ScatterElements: scatterElements,
  ScatterND: fc.oneof(scatterND, scatterBooleans),
  Shape: measured,
  Sign: one(['float32', 'int32']),
  Size: one(['float32']),
  Softmax: onAxis(smooth),
  SoftmaxCrossEntropyLoss: crossEntropy,
  TopK: topK,
  Where: where,
  Xor: two(['bool']),
};

/** Forms of operators that have no gradient, or have more to them than one can see by it. */
export const forms: readonly (readonly [op: string, forms: Forms])[] = [
  ...(Object.entries(byOp) as [string, Forms][]),
  ...casts,
];
