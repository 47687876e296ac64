import type { Value } from '../../graph/index.ts';
import type { Rule, Tape } from '../tape.ts';

/** dx = g·f′, where f′ is made from x and y. */
const times =
  (derivative: (t: Tape, x: Value, y: Value) => Value): Rule =>
  (t, node, [g]) => [t.mul(derivative(t, node.inputs[0]!, node.outputs[0]!), g!)];

/** dx = g/d, where d is made from x and y. */
const over =
  (divisor: (t: Tape, x: Value, y: Value) => Value): Rule =>
  (t, node, [g]) => [t.div(g!, divisor(t, node.inputs[0]!, node.outputs[0]!))];

const square = (t: Tape, x: Value): Value => t.mul(x, x);
const root = (t: Tape, x: Value): Value => t.b.op('Sqrt', [x]);
const plusOne = (t: Tape, x: Value): Value => t.add(x, t.b.scalar(1));

/** d eˣ = y */
export const Exp = times((_t, _x, y) => y);
/** d log x = 1/x */
export const Log = over((_t, x) => x);
/** d √x = 1/(2y) */
export const Sqrt = over((t, _x, y) => t.mul(y, 2));
/** d|x| = sign x, 0 at 0 */
export const Abs = times((t, x) => t.b.op('Sign', [x]));
/** d(−x) = −1 */
export const Neg: Rule = (t, _node, [g]) => [t.neg(g!)];
/** d erf x = 2/√π·e^(−x²) */
export const Erf = times((t, x) => t.mul(t.b.op('Exp', [t.neg(square(t, x))]), 2 / Math.sqrt(Math.PI)));

/** d sin x = cos x */
export const Sin = times((t, x) => t.b.op('Cos', [x]));
/** d cos x = −sin x */
export const Cos = times((t, x) => t.neg(t.b.op('Sin', [x])));
/** d tan x = 1 + y² */
export const Tan = times((t, _x, y) => plusOne(t, square(t, y)));
/** d asin x = 1/√(1 − x²) */
export const Asin = over((t, x) => root(t, t.sub(1, square(t, x))));
/** d acos x = −1/√(1 − x²) */
export const Acos = over((t, x) => t.neg(root(t, t.sub(1, square(t, x)))));
/** d atan x = 1/(1 + x²) */
export const Atan = over((t, x) => plusOne(t, square(t, x)));

/** d sinh x = cosh x */
export const Sinh = times((t, x) => t.b.op('Cosh', [x]));
/** d cosh x = sinh x */
export const Cosh = times((t, x) => t.b.op('Sinh', [x]));
/** d asinh x = 1/√(x² + 1) */
export const Asinh = over((t, x) => root(t, plusOne(t, square(t, x))));
/** d acosh x = 1/√(x² − 1) */
export const Acosh = over((t, x) => root(t, t.sub(square(t, x), t.b.scalar(1))));
/** d atanh x = 1/(1 − x²) */
export const Atanh = over((t, x) => t.sub(1, square(t, x)));

/** Steps, whose true gradient is zero: models use them as quantisers, so the gradient passes (straight-through). */
export const StraightThrough: Rule = (_t, _node, [g]) => [g];
