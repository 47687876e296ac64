import { type AttributeValue, float, type GraphBuilder, type Value } from '../../../src/graph/index.ts';
import { among, any, apart, between, type Case, frozen, positive, type Spec } from '../check.ts';

const unary = (
  op: string,
  x: Spec,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  name = op,
): Case => ({ name, inputs: { x }, y: (b) => b.op(op, ['x'], attributes) });

/** The second value is tested as a constant and as an input. */
const binary = (
  op: string,
  a: Spec,
  w: Spec,
  note = '',
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Case => ({
  name: `${op}${note} [${a.shape}] [${w.shape}]`,
  inputs: { a },
  weights: { w },
  y: (b) => b.op(op, ['a', 'w'], attributes),
});

const shifted = (shift: number, ...shape: readonly (number | 'N')[]): Spec => ({ ...apart(...shape), shift });

const both = (name: string, inputs: Record<string, Spec>, y: (b: GraphBuilder) => Value): Case => ({
  name,
  inputs,
  y,
});

export const elementwise: readonly Case[] = [
  unary('Relu', apart('N', 3, 4)),
  unary('LeakyRelu', apart('N', 5), { alpha: float(0.3) }),
  unary('LeakyRelu', apart('N', 5), {}, 'LeakyRelu by default'),
  unary('Sigmoid', any('N', 5)),
  unary('Tanh', any('N', 5)),
  unary('Exp', any('N', 5)),
  unary('Log', positive('N', 5)),
  unary('Sqrt', positive('N', 5)),
  unary('Abs', apart('N', 5)),
  unary('Neg', any('N', 5)),
  unary('Identity', any('N', 5)),
  unary('Dropout', any('N', 5)),
  unary('Cast', any('N', 5), { to: 1 }),
  // Kinks at ±1 and ±2.5: inputs are odd multiples of 0.05 (0.15 … 2.55), and a step moves them by at most 0.005.
  unary('HardSigmoid', apart('N', 12), { alpha: float(0.5), beta: float(0.5) }),
  unary('HardSigmoid', apart('N', 60), {}, 'HardSigmoid by default'),
  unary('Asin', between(-0.8, 0.8, 'N', 5)),
  unary('Acos', between(-0.8, 0.8, 'N', 5)),
  unary('Atan', any('N', 5)),
  unary('Asinh', any('N', 5)),
  unary('Acosh', between(1.5, 3, 'N', 5)),
  unary('Atanh', between(-0.7, 0.7, 'N', 5)),
  ...['Sin', 'Cos', 'Tan', 'Sinh', 'Cosh', 'Erf', 'Softplus', 'Gelu'].map((op) => unary(op, any('N', 5))),
  unary('Gelu', any('N', 5), { approximate: 'tanh' }, 'Gelu by tanh'),
  unary('Elu', apart('N', 5)),
  unary('Elu', apart('N', 5), { alpha: float(0.4) }, 'Elu 0.4'),
  unary('Selu', apart('N', 5)),
  binary('PRelu', apart('N', 3, 4), any(3, 1)),
  binary('PRelu', apart('N', 3, 4), any(1)),
  // Multiples of 0.1 and odd multiples of 0.05 never meet, and a step moves them by 0.025 at most.
  binary('Mod', apart('N', 6), among([0.7, 1.1], 6), '', { fmod: 1 }),
  ...['Max', 'Min'].map((op) =>
    both(`${op} of three`, { a: apart('N', 3), c: shifted(0.03, 3), e: shifted(0.06, 'N', 1) }, (b) =>
      b.op(op, ['a', 'c', 'e']),
    ),
  ),
  both('Max with a constant', { a: apart('N', 7) }, (b) => b.op('Max', ['a', b.scalar(0.1)])),
  both('Max of one', { a: apart('N', 7) }, (b) => b.op('Max', ['a'])),
  binary('Pow', positive('N', 3), any(3), ' by a value'),
  both('Pow 0', { x: any('N', 5) }, (b) => b.op('Mul', ['x', b.op('Pow', ['x', b.scalar(0)])])),
  {
    name: 'Clip by bounds that are differentiated',
    inputs: { x: apart('N', 10) },
    weights: { low: shifted(-0.25), high: shifted(0.35) },
    y: (b) => b.op('Clip', ['x', 'low', 'high']),
  },
  // Straight-through: as the identity.
  ...['Ceil', 'Floor', 'Round'].map(
    (op): Case => ({ ...unary(op, any('N', 5)), truth: (b) => b.op('Identity', ['x']) }),
  ),

  both('Clip', { x: apart('N', 30) }, (b) => b.op('Clip', ['x', b.scalar(-0.5), b.scalar(0.6)])),
  both('Clip from below', { x: apart('N', 30) }, (b) => b.op('Clip', ['x', b.scalar(-0.2)])),
  both('Clip from above', { x: apart('N', 30) }, (b) => b.op('Clip', ['x', '', b.scalar(0.2)])),

  ...(['Add', 'Sub', 'Mul'] as const).flatMap((op) => [
    binary(op, any('N', 3), any(3)),
    binary(op, any('N', 3), any(1, 3)),
    binary(op, any('N', 3, 2, 2), any(3, 1, 1)),
    binary(op, any('N', 3, 2, 2), any(1, 3, 1, 2)),
    binary(op, any('N', 3), any()),
    binary(op, any('N', 1), any(2, 1, 4)),
  ]),
  binary('Div', any('N', 3), positive(3)),
  binary('Div', any('N', 3, 2, 2), positive(3, 1, 1)),
  binary('Div', any('N', 1), positive(2, 1, 4)),
  ...(['Add', 'Sub', 'Mul'] as const).map((op) =>
    both(`${op} of two inputs`, { a: any('N', 3), c: any('N', 1) }, (b) => b.op(op, ['a', 'c'])),
  ),
  both('Div of two inputs', { a: any('N', 3), c: positive('N', 1) }, (b) => b.op('Div', ['a', 'c'])),
  both('Div of a constant', { c: positive('N', 4) }, (b) => b.op('Div', [b.scalar(2), 'c'])),
  both('Mul of a value with itself', { a: any('N', 3) }, (b) => b.op('Mul', ['a', 'a'])),
  both('Div of a value by itself squared', { a: positive('N', 3) }, (b) =>
    b.op('Div', ['a', b.op('Mul', ['a', 'a'])]),
  ),
  both('Sum of three', { a: any('N', 3), c: any(3), e: any('N', 1) }, (b) => b.op('Sum', ['a', 'c', 'e'])),
  both('Sum of one', { a: any('N', 3) }, (b) => b.op('Sum', ['a'])),

  both('Pow 2', { x: any('N', 5) }, (b) => b.op('Pow', ['x', b.scalar(2)])),
  both('Pow 3', { x: any('N', 5) }, (b) => b.op('Pow', ['x', b.scalar(3)])),
  both('Pow 2, an integer', { x: any('N', 5) }, (b) => b.op('Pow', ['x', b.ints([2])])),
  both('Pow −1.5', { x: positive('N', 5) }, (b) => b.op('Pow', ['x', b.scalar(-1.5)])),
  both('Pow by a vector', { x: positive('N', 3) }, (b) => b.op('Pow', ['x', b.floats([0.5, 1, 2])])),
  both('Pow, the base broadcast', { x: positive('N', 1) }, (b) => b.op('Pow', ['x', b.floats([0.5, 2, 3])])),

  both('Where by an input', { c: frozen(apart('N', 6)), a: any('N', 6), e: any('N', 6) }, (b) =>
    b.op('Where', [b.op('Greater', ['c', b.scalar(0)]), 'a', 'e']),
  ),
  both('Where, sides broadcast', { c: frozen(apart('N', 6)), a: any(6), e: any() }, (b) =>
    b.op('Where', [b.op('Less', ['c', b.scalar(0)]), 'a', 'e']),
  ),
  both('Where by a condition on the same value', { x: apart('N', 6) }, (b) =>
    b.op('Where', [b.op('Less', ['x', b.scalar(0)]), b.op('Exp', ['x']), 'x']),
  ),
  both('a mask made by Greater and Cast', { x: apart('N', 6) }, (b) =>
    b.op('Mul', ['x', b.op('Cast', [b.op('Greater', ['x', b.scalar(0)])], { to: 1 })]),
  ),
  both('a mask made by Equal', { x: apart('N', 6) }, (b) => {
    const top = b.op('ReduceMax', ['x', b.ints([1])], { keepdims: 1 });
    return b.op('Mul', ['x', b.op('Cast', [b.op('Equal', ['x', top])], { to: 1 })]);
  }),
  both('a value by its Sign', { x: apart('N', 6) }, (b) => b.op('Mul', ['x', b.op('Sign', ['x'])])),
  both('SiLU of a value used three times', { x: any('N', 6) }, (b) =>
    b.op('Add', [b.op('Mul', ['x', b.op('Sigmoid', ['x'])]), 'x']),
  ),
];
