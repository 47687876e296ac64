import fc from 'fast-check';
import { type AttributeValue, float } from '../../../src/graph/index.ts';
import { among, any, apart, between, frozen, positive, type Spec } from '../check.ts';
import { broadcasting, type Generators, type Sample, shapeOf } from './sample.ts';

type Fill = (...shape: readonly (number | 'N')[]) => Spec;
type Attributes = Readonly<Record<string, AttributeValue>>;

/** An operator of one value, with any of a few sets of attributes. */
const unary = (op: string, fill: Fill, ...attributes: readonly Attributes[]): fc.Arbitrary<Sample> =>
  fc
    .tuple(shapeOf(), fc.constantFrom<Attributes>(...(attributes.length ? attributes : [{}])))
    .map(([shape, a]) => ({
      label: `${op} ${JSON.stringify(a)} of [${shape}]`,
      inputs: { x: fill(...shape) },
      y: (b) => b.op(op, ['x'], a),
    }));

const passing: Sample['y'] = (b) => b.op('Identity', ['x']);

/** A quantiser: its gradient is the identity's. */
const straightThrough = (op: string): fc.Arbitrary<Sample> =>
  unary(op, apart).map((s) => ({ ...s, truth: passing }));

/** Values within (−0.9, 0.9). */
const inside: Fill = (...shape) => between(-0.9, 0.9, ...shape);
const wide: Fill = (...shape) => between(-4, 4, ...shape);
const shifted =
  (shift: number): Fill =>
  (...shape) => ({ ...apart(...shape), shift });

const binary = (op: string, left: Fill, right: Fill, attributes: Attributes = {}): fc.Arbitrary<Sample> =>
  broadcasting(2).map(([a, w]) => {
    const static_ = !w!.includes('N');
    return {
      label: `${op} of [${a}] and [${w}]`,
      inputs: { a: left(...a!), ...(!static_ && { w: right(...w!) }) },
      ...(static_ && { weights: { w: right(...w!) } }),
      y: (b) => b.op(op, ['a', 'w'], attributes),
    };
  });

const names = ['a', 'c', 'e'] as const;
const several = (op: string, fills: readonly Fill[]): fc.Arbitrary<Sample> =>
  fc
    .integer({ min: 1, max: 3 })
    .chain((count) => broadcasting(count))
    .map((shapes) => ({
      label: `${op} of ${shapes.map((s) => `[${s}]`).join(' ')}`,
      inputs: Object.fromEntries(shapes.map((s, i) => [names[i]!, fills[i]!(...s)])),
      y: (b) => b.op(op, names.slice(0, shapes.length)),
    }));

const powers: fc.Arbitrary<Sample> = fc.oneof(
  binary('Pow', positive, any),
  fc
    .tuple(shapeOf(), fc.constantFrom(2, 3, 1, 0, -1, 0.5, -1.5), fc.boolean())
    .map(([shape, p, integer]): Sample => {
      const whole = p >= 0 && Number.isInteger(p);
      return {
        label: `Pow ${p} of [${shape}]`,
        inputs: { x: whole ? among([-1, 0, 0.5, 2], ...shape) : positive(...shape) },
        y: (b) => b.op('Pow', ['x', integer && whole ? b.ints([p]) : b.scalar(p)]),
      };
    }),
);

/** Bounds that stand between the values of `apart`, given or left out, constant or fed. */
const clip: fc.Arbitrary<Sample> = fc
  .tuple(shapeOf(), fc.boolean(), fc.boolean())
  .map(([shape, low, high]) => ({
    label: `Clip of [${shape}]${low ? ' from below' : ''}${high ? ' from above' : ''}`,
    inputs: { x: apart(...shape) },
    weights: {
      ...(low && { low: { ...apart(), shift: -0.25 } }),
      ...(high && { high: { ...apart(), shift: 0.35 } }),
    },
    y: (b) => b.op('Clip', ['x', low ? 'low' : '', ...(high ? ['high'] : [])]),
  }));

const where: fc.Arbitrary<Sample> = broadcasting(3).map(([c, a, e]) => ({
  label: `Where of [${c}] [${a}] [${e}]`,
  inputs: { c: frozen(apart(...c!)), a: any(...a!), e: any(...e!) },
  y: (b) => b.op('Where', [b.op('Greater', ['c', b.scalar(0)]), 'a', 'e']),
}));

const prelu: fc.Arbitrary<Sample> = broadcasting(1, 1).chain(([whole]) =>
  fc.tuple(fc.integer({ min: 0, max: whole!.length }), fc.boolean()).map(([drop, narrow]) => {
    const slope = whole!.slice(drop).map((d) => (narrow || d === 'N' ? 1 : d));
    return {
      label: `PRelu of [${whole}] by [${slope}]`,
      inputs: { x: apart(...whole!) },
      weights: { slope: any(...slope) },
      y: (b) => b.op('PRelu', ['x', 'slope']),
    };
  }),
);

export const elementwise: Generators = {
  Abs: unary('Abs', apart),
  Acos: unary('Acos', inside),
  Acosh: unary('Acosh', (...shape) => between(1.2, 3, ...shape)),
  Add: binary('Add', any, any),
  Asin: unary('Asin', inside),
  Asinh: unary('Asinh', wide),
  Atan: unary('Atan', wide),
  Atanh: unary('Atanh', inside),
  Cast: unary('Cast', any, { to: 1 }),
  Ceil: straightThrough('Ceil'),
  Clip: clip,
  Cos: unary('Cos', wide),
  Cosh: unary('Cosh', any),
  Div: binary('Div', any, positive),
  Dropout: unary('Dropout', any),
  Elu: unary('Elu', apart, {}, { alpha: float(0.5) }, { alpha: float(1.7) }),
  Erf: unary('Erf', wide),
  Exp: unary('Exp', wide),
  Floor: straightThrough('Floor'),
  Gelu: unary('Gelu', wide, {}, { approximate: 'tanh' }, { approximate: 'none' }),
  HardSigmoid: unary('HardSigmoid', apart, {}, { alpha: float(0.5), beta: float(0.5) }, { alpha: float(1) }),
  Identity: unary('Identity', any),
  LeakyRelu: unary(
    'LeakyRelu',
    apart,
    {},
    { alpha: float(0.3) },
    { alpha: float(-0.5) },
    { alpha: float(2) },
  ),
  Log: unary('Log', positive),
  Max: several('Max', [apart, shifted(0.03), shifted(0.06)]),
  Min: several('Min', [apart, shifted(0.03), shifted(0.06)]),
  // Multiples of 0.1 and odd multiples of 0.05 never meet.
  Mod: binary('Mod', apart, (...shape) => among([0.3, 0.7, -0.4, 1.1], ...shape), { fmod: 1 }),
  Mul: binary('Mul', any, any),
  Neg: unary('Neg', any),
  PRelu: prelu,
  Pow: powers,
  Relu: unary('Relu', apart),
  // No odd multiple of 0.05 is half of an odd number but those that end in 5: kept away from by the shift.
  Round: unary('Round', shifted(0.02)).map((s) => ({ ...s, truth: passing })),
  Selu: unary('Selu', apart, {}, { alpha: float(1.2), gamma: float(0.9) }),
  Sigmoid: unary('Sigmoid', wide),
  Sin: unary('Sin', wide),
  Sinh: unary('Sinh', any),
  Softplus: unary('Softplus', wide),
  Sqrt: unary('Sqrt', positive),
  Sub: binary('Sub', any, any),
  Sum: several('Sum', [any, any, any]),
  Tan: unary('Tan', any),
  Tanh: unary('Tanh', wide),
  Where: where,
};
