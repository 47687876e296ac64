import { float } from '../attributes.ts';
import type { Node } from '../ir.ts';
import { beside, isClose, Patterns, type Reform } from './reform-pattern.ts';

/** Activations that exporters spell out: Gelu in both forms, HardSigmoid, Softplus in two. */
export const activations: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  for (const n of p.all('Erf', 'Tanh')) gelu(p, n);
  for (const n of p.all('Clip')) hardSigmoid(p, n);
  for (const n of p.all('Log')) softplus(p, n);
  for (const n of p.all('Where')) linearSoftplus(p, n);
  return p.finish();
};

/** A polynomial in x and u: coefficients by the exponents, `'1,0'` being x. */
type Polynomial = ReadonlyMap<string, number>;

/** Products beyond this degree are of no formula here. */
const HIGHEST = 4;

/** What a value is as a polynomial in x and u; undefined where something else takes part. */
function polynomial(
  p: Patterns,
  value: string,
  x: string,
  u: string | undefined,
  budget: { left: number },
): Polynomial | undefined {
  if (value === x) return new Map([['1,0', 1]]);
  if (value === u) return new Map([['0,1', 1]]);
  const c = p.number(value);
  if (c !== undefined) return new Map([['0,0', c]]);
  const n = p.made(value, 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Pow');
  if (!n || budget.left-- <= 0) return undefined;
  const first = polynomial(p, n.inputs[0]!, x, u, budget);
  if (!first || n.op === 'Neg') return first && scaled(first, -1);
  const second = polynomial(p, n.inputs[1]!, x, u, budget);
  if (!second) return undefined;
  if (n.op === 'Add') return added(first, second);
  if (n.op === 'Sub') return added(first, scaled(second, -1));
  if (n.op === 'Mul') return multiplied(first, second);
  const constant = second.size === 1 ? second.get('0,0') : undefined;
  if (constant === undefined) return undefined;
  if (n.op === 'Div') return scaled(first, 1 / constant);
  if (constant === 2) return multiplied(first, first);
  const squared = constant === 3 ? multiplied(first, first) : undefined;
  return squared && multiplied(squared, first);
}

const scaled = (a: Polynomial, by: number): Polynomial => new Map([...a].map(([k, c]) => [k, c * by]));

function added(a: Polynomial, b: Polynomial): Polynomial {
  const sum = new Map(a);
  for (const [k, c] of b) sum.set(k, (sum.get(k) ?? 0) + c);
  return sum;
}

function multiplied(a: Polynomial, b: Polynomial): Polynomial | undefined {
  const out = new Map<string, number>();
  for (const [k, c] of a) {
    for (const [l, d] of b) {
      const [i = 0, j = 0] = k.split(',').map(Number);
      const [m = 0, o = 0] = l.split(',').map(Number);
      if (i + j + m + o > HIGHEST) return undefined;
      const key = `${i + m},${j + o}`;
      out.set(key, (out.get(key) ?? 0) + c * d);
    }
  }
  return out;
}

const equals = (a: Polynomial | undefined, b: Readonly<Record<string, number>>): boolean =>
  a !== undefined &&
  [...a].every(([k, c]) => c === 0 || (b[k] !== undefined && isClose(c, b[k]))) &&
  Object.keys(b).every((k) => (a.get(k) ?? 0) !== 0);

/** The arguments of Erf and Tanh, as polynomials of x. */
const ARGUMENTS = {
  Erf: { '1,0': Math.SQRT1_2 },
  Tanh: { '1,0': Math.sqrt(2 / Math.PI), '3,0': 0.044715 * Math.sqrt(2 / Math.PI) },
} as const;

/** ½x·(1 + u). */
const GATED = { '1,0': 0.5, '1,1': 0.5 };
const BUDGET = 12;
const STEPS = 4;

// ½x·(1 + erf(x/√2)), and ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), factors in any order
function gelu(p: Patterns, core: Node): void {
  const [argument = ''] = core.inputs;
  const u = core.outputs[0]!;
  const wanted = ARGUMENTS[core.op as keyof typeof ARGUMENTS];
  const x = below(p, argument).find((candidate) =>
    equals(polynomial(p, argument, candidate, undefined, { left: BUDGET }), wanted),
  );
  if (x === undefined || !p.isFloat(x)) return;
  let value = u;
  for (let step = 0; step < STEPS; step++) {
    const next = p.only(value, 'Add', 'Mul', 'Div');
    // A product of a value with itself is taken twice, so that `only` has refused it.
    if (!next) return;
    value = next.outputs[0]!;
    const found = polynomial(p, value, x, u, { left: BUDGET });
    if (!found) return;
    if (!equals(found, GATED)) continue;
    p.replace(next, p.standIn(next, 'Gelu', [x], core.op === 'Tanh' ? { approximate: 'tanh' } : {}));
    return;
  }
}

/** The values that one is computed from, nearest first. */
function below(p: Patterns, value: string): string[] {
  const found = [value];
  for (let i = 0; i < found.length && found.length < BUDGET; i++) {
    const n = p.made(found[i], 'Add', 'Sub', 'Mul', 'Div', 'Pow');
    for (const v of n?.inputs ?? []) if (p.number(v) === undefined && !found.includes(v)) found.push(v);
  }
  return found.slice(1);
}

// clip(x + b, 0, c)/c, also where a factor comes between: y·clip(x + b, 0, c)/c
function hardSigmoid(p: Patterns, clip: Node): void {
  const [sum, low, high] = clip.inputs;
  const c = p.number(high);
  const shift = p.made(sum, 'Add');
  const offset = shift && beside(shift, (v) => p.number(v));
  if (!offset || p.number(low) !== 0 || !c || !(c > 0) || !p.isFloat(offset.other)) return;
  const u = clip.outputs[0]!;
  const attributes = { alpha: float(1 / c), beta: float(offset.found / c) };
  const next = p.only(u, 'Mul', 'Div');
  if (!next) return;
  if (isDivision(p, next, u, c)) {
    p.replace(next, p.standIn(next, 'HardSigmoid', [offset.other], attributes));
    return;
  }
  const last = next.op === 'Mul' ? p.only(next.outputs[0]!, 'Mul', 'Div') : undefined;
  if (!last || !isDivision(p, last, next.outputs[0]!, c)) return;
  const gate = p.fresh(`${last.outputs[0]}_gate`);
  const other = next.inputs[0] === u ? next.inputs[1]! : next.inputs[0]!;
  const made = { ...p.standIn(last, 'HardSigmoid', [offset.other], attributes), name: gate, outputs: [gate] };
  p.replace(last, made, p.standIn(last, 'Mul', [other, gate]));
}

/** value/c, or value·(1/c). */
function isDivision(p: Patterns, n: Node, value: string, c: number): boolean {
  if (n.op === 'Div') return n.inputs[0] === value && isClose(p.number(n.inputs[1]) ?? 0, c);
  const factor = beside(n, (v) => p.number(v));
  return factor?.other === value && isClose(factor.found, 1 / c);
}

// log(1 + eˣ)
function softplus(p: Patterns, log: Node): void {
  const sum = p.made(log.inputs[0], 'Add');
  const one = sum && beside(sum, (v) => p.number(v));
  const exp = one?.found === 1 ? p.made(one.other, 'Exp') : undefined;
  if (!sum || !exp || !p.isFloat(exp.inputs[0]!)) return;
  if (!p.only(sum.outputs[0]!) || !p.only(exp.outputs[0]!)) return;
  p.replace(log, p.standIn(log, 'Softplus', [exp.inputs[0]!]));
}

/** From here on log(1 + eˣ) is x, in float32. */
const LINEAR_FROM = 17;

// x where x > c, else log(1 + eˣ), which are the same for a large c
function linearSoftplus(p: Patterns, where: Node): void {
  const [condition, x = '', other] = where.inputs;
  const greater = p.made(condition, 'Greater');
  const soft = p.made(other, 'Softplus');
  if (!greater || !soft || greater.inputs[0] !== x || soft.inputs[0] !== x) return;
  if (!((p.number(greater.inputs[1]) ?? 0) >= LINEAR_FROM) || !p.only(soft.outputs[0]!)) return;
  p.replace(where, p.standIn(where, 'Softplus', [x]));
}
