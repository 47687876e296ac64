import { intOf } from '../attributes.ts';
import { attributeDataType, isFloat } from '../data-types.ts';
import { product, quotient, sameDim, signOf, sizeOf, sum } from '../dims.ts';
import type { DataType, Dim } from '../ir.ts';
import type { Op } from '../ops.ts';
import { isOp } from '../ops.ts';
import { countOf } from './generate.ts';
import { cutsOf, measuredDims, resolveSlice, splitSizes } from './layout.ts';
import { reducedAxes } from './reduce.ts';
import type { ShapeContext, TensorType } from './rule.ts';

/**
 * What short vectors and scalars hold, before anything runs: exporters compute shapes with ordinary operators, and here
 * they are computed on dimensions, symbols included. An element is a number (a fraction, or 0 and 1 for a boolean),
 * a symbol (a positive integer), or null, which is not known.
 */

/** More elements than any shape has, and few enough to compute with at every node. */
export const MOST_VALUES = 64;

/** The elements of each output, row-major; undefined for one that nothing is known of. */
type ValueRule = (c: ShapeContext, types: readonly TensorType[]) => readonly (readonly Dim[] | undefined)[];

/** What a type holds of a number that was computed exactly. */
function stored(dtype: DataType, x: Dim): Dim {
  if (typeof x !== 'number') return x;
  if (isFloat(dtype)) return dtype === 'float64' ? x : Math.fround(x);
  if (dtype === 'bool') return x === 0 ? 0 : 1;
  const whole = Math.trunc(x);
  // What overflows its type is not computed here.
  const most = dtype === 'int64' || dtype === 'uint64' ? Number.MAX_SAFE_INTEGER : 2 ** 31 - 1;
  return Math.abs(whole) <= most ? whole + 0 : null;
}

type Unary = (x: number) => number;
type Binary = (a: Dim, b: Dim, dtype: DataType) => Dim;

/** What input `i` holds; nulls where nothing is known of it but its length. */
function elementsOf(c: ShapeContext, i: number): readonly Dim[] | undefined {
  const known = c.dims(i);
  if (known) return known;
  const { shape } = c.input(i);
  const size = sizeOf(shape);
  return shape.length <= 1 && size !== null && size <= MOST_VALUES
    ? new Array<Dim>(size).fill(null)
    : undefined;
}

/** An operator on each element. A symbol stays where the operator keeps integers, or positive ones. */
const each =
  (f: Unary, keeps: boolean): ValueRule =>
  (c, types) => {
    const dtype = types[0]!.dtype;
    return [c.dims(0)?.map((x) => (typeof x === 'number' ? stored(dtype, f(x)) : keeps ? x : null))];
  };

/** An operator on pairs of elements, of vectors of one length or of one element. */
const pairs =
  (f: Binary): ValueRule =>
  (c, types) => {
    let result = elementsOf(c, 0);
    for (let i = 1; i < c.node.inputs.length; i++) {
      const [a, b] = [result, elementsOf(c, i)];
      if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return [undefined];
      const length = a.length === 1 ? b.length : a.length;
      const operand = c.input(0).dtype;
      result = Array.from({ length }, (_, j) =>
        stored(types[0]!.dtype, f(a[a.length === 1 ? 0 : j]!, b[b.length === 1 ? 0 : j]!, operand)),
      );
    }
    return [result];
  };

const numbers =
  (f: (a: number, b: number, dtype: DataType) => number): Binary =>
  (a, b, dtype) =>
    typeof a === 'number' && typeof b === 'number' ? f(a, b, dtype) : null;

/** a ÷ b: integers truncate; a symbol is divided where that is exact whatever it stands for. */
const divided: Binary = (a, b, dtype) => {
  if (typeof a !== 'number' || typeof b !== 'number') return quotient(a, b);
  if (!isFloat(dtype)) return b === 0 ? null : Math.trunc(a / b);
  return a / b;
};

const difference: Binary = (a, b) => sum(a, product([-1, b]));

/** −1, 0 or 1 as a is smaller than b, equal or larger; undefined where that is not known. */
function compared(a: Dim, b: Dim): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return Math.sign(a - b);
  const sign = signOf(difference(a, b, 'int64'));
  if (sign !== undefined) return sign;
  // A symbol is positive: it is larger than what is not.
  const [s, t] = [signOf(a), signOf(b)];
  return s === undefined || t === undefined || s === t ? undefined : s - t;
}

const test =
  (f: (order: number) => boolean): Binary =>
  (a, b) => {
    const order = compared(a, b);
    return order === undefined ? null : Number(f(order));
  };

const extreme =
  (sign: number): Binary =>
  (a, b) => {
    const order = compared(a, b);
    if (order !== undefined) return order * sign >= 0 ? a : b;
    // max(N, 1) and min(N, 1): sizes are not empty.
    const [symbol, one] = typeof a === 'string' ? [a, b] : [b, a];
    return typeof symbol === 'string' && one === 1 && signOf(symbol) === 1 ? (sign > 0 ? symbol : 1) : null;
  };

const and: Binary = (a, b) => (a === 0 || b === 0 ? 0 : a === null || b === null ? null : 1);
const or: Binary = (a, b) => (a === 1 || b === 1 ? 1 : a === null || b === null ? null : 0);

const remainder = (a: number, b: number): number => a - Math.floor(a / b) * b;
const mod: ValueRule = (c, types) => {
  const f = intOf(c.node, 'fmod', 0) ? (a: number, b: number) => a % b : remainder;
  return pairs((a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : f(a, b);
    return typeof b === 'number' && quotient(a, b) !== null ? 0 : null;
  })(c, types);
};

/** Half to even, as ONNX rounds. */
const round: Unary = (x) => {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
};

const first: ValueRule = (c) => [c.dims(0)];

/** The elements in the same order, in another shape of rank 1 at most. */
const reshaped: ValueRule = (c, types) => {
  const x = c.dims(0);
  return [x && (types[0]!.shape.length === 0 || sizeOf(types[0]!.shape) === x.length) ? x : undefined];
};

const cast: ValueRule = (c) => {
  const to = attributeDataType(c.node, 'to');
  if (to === 'string') return [undefined];
  return [
    c.dims(0)?.map((x) => (to === 'bool' && typeof x === 'string' && signOf(x) === 1 ? 1 : stored(to, x))),
  ];
};

/** An index of a vector, counted from the end where it is negative; undefined outside it. */
const at = (x: readonly Dim[], index: Dim): Dim | undefined =>
  typeof index === 'number' ? x[index < 0 ? index + x.length : index] : undefined;

const gather: ValueRule = (c) => {
  const [x, indices] = [c.dims(0), c.dims(1)];
  if (c.input(0).shape.length !== 1) return [undefined];
  return [x && indices?.map((i) => at(x, i) ?? null)];
};

/** Indices of GatherND and ScatterND have a last axis of size 1 here: as vectors they are `[1]`. */
const gatherND: ValueRule = (c, types) =>
  c.input(1).shape.length === 1 && types[0]!.shape.length === 0 ? gather(c, types) : [undefined];

const scatter: ValueRule = (c) => {
  const [x, indices, updates] = [c.dims(0), c.dims(1), c.dims(2)];
  if (!x || !indices || !updates || indices.length !== updates.length) return [undefined];
  const reduction = c.node.attributes.get('reduction');
  if (reduction?.type === 'string' && reduction.value !== 'none') return [undefined];
  const out = [...x];
  for (const [i, index] of indices.entries()) {
    if (at(x, index) === undefined) return [undefined];
    const to = index as number;
    out[to < 0 ? to + x.length : to] = updates[i]!;
  }
  return [out];
};

const slice: ValueRule = (c) => {
  const x = c.dims(0);
  const [cut] = cutsOf(c);
  if (!x || !cut) return [x];
  const { start, end, step } = cut;
  if (typeof start !== 'number' || typeof end !== 'number' || typeof step !== 'number') return [undefined];
  const { start: from, count } = resolveSlice(x.length, start, end, step);
  return [Array.from({ length: count }, (_, i) => x[from + i * step]!)];
};

const concat: ValueRule = (c) => {
  const parts = c.node.inputs.map((_, i) => elementsOf(c, i));
  return [parts.every((part) => part !== undefined) ? parts.flat() : undefined];
};

const split: ValueRule = (c) => {
  const x = c.dims(0);
  const sizes = splitSizes(c, 0);
  let from = 0;
  return sizes.map((size) => {
    if (!x || typeof size !== 'number') return undefined;
    from += size;
    return x.slice(from - size, from);
  });
};

const where: ValueRule = (c) => {
  const [condition, yes, no] = [elementsOf(c, 0), elementsOf(c, 1), elementsOf(c, 2)];
  if (!condition || !yes || !no) return [undefined];
  const length = Math.max(condition.length, yes.length, no.length);
  const all = [condition, yes, no].map((x) => (x.length === 1 ? new Array<Dim>(length).fill(x[0]!) : x));
  if (length === 0 || all.some((x) => x.length !== length)) return [undefined];
  const [test, a, b] = all as [Dim[], Dim[], Dim[]];
  return [test.map((t, i) => (t === null ? (sameDim(a[i], b[i]) ? a[i]! : null) : t === 0 ? b[i]! : a[i]!))];
};

const reduce =
  (f: Binary, empty: Dim): ValueRule =>
  (c, types) => {
    const x = c.dims(0);
    if (!x) return [undefined];
    if (reducedAxes(c).length === 0) return [x];
    const { dtype } = types[0]!;
    const [head, ...rest] = x.length > 0 ? x : [empty];
    return [[rest.reduce<Dim>((a, b) => stored(dtype, f(a, b, dtype)), head!)]];
  };

const constantOfShape: ValueRule = (c, types) => {
  const count = sizeOf(types[0]!.shape);
  const value = c.node.attributes.get('value');
  const fill = value?.type === 'tensor' ? Number(value.value.data[0] ?? 0) : 0;
  return [count === null || count > MOST_VALUES ? undefined : new Array<Dim>(count).fill(fill)];
};

/** A single element, as often as the output has room for; a vector as it is. */
const spread: ValueRule = (c, types) => {
  const x = c.dims(0);
  const count = sizeOf(types[0]!.shape);
  if (!x || count === null || count > MOST_VALUES) return [undefined];
  if (x.length === count) return [x];
  return [x.length === 1 ? new Array<Dim>(count).fill(x[0]!) : undefined];
};

const tile: ValueRule = (c, types) => {
  const x = c.dims(0);
  const count = sizeOf(types[0]!.shape);
  if (!x || count === null || count > MOST_VALUES) return [undefined];
  return [Array.from({ length: count }, (_, i) => x[i % x.length]!)];
};

const range: ValueRule = (c) => {
  const [[start], [limit], [delta]] = [c.dims(0) ?? [], c.dims(1) ?? [], c.dims(2) ?? []];
  const count = countOf(start ?? null, limit ?? null, delta ?? null);
  if (
    typeof start !== 'number' ||
    typeof delta !== 'number' ||
    typeof count !== 'number' ||
    count > MOST_VALUES
  )
    return [undefined];
  return [Array.from({ length: count }, (_, i) => stored(c.input(0).dtype, start + i * delta))];
};

const rules: { readonly [O in Op]?: ValueRule } = {
  Abs: (c) => [c.dims(0)?.map((x) => (signOf(x) === -1 ? product([-1, x]) : x))],
  Add: pairs(sum),
  And: pairs(and),
  Cast: cast,
  Ceil: each(Math.ceil, true),
  Concat: concat,
  ConstantOfShape: constantOfShape,
  Div: pairs(divided),
  Equal: pairs(test((o) => o === 0)),
  Expand: spread,
  Floor: each(Math.floor, true),
  Gather: gather,
  GatherElements: gather,
  GatherND: gatherND,
  Greater: pairs(test((o) => o > 0)),
  GreaterOrEqual: pairs(test((o) => o >= 0)),
  Identity: first,
  Less: pairs(test((o) => o < 0)),
  LessOrEqual: pairs(test((o) => o <= 0)),
  Max: pairs(extreme(1)),
  Min: pairs(extreme(-1)),
  Mod: mod,
  Mul: pairs((a, b) => product([a, b])),
  Neg: (c) => [c.dims(0)?.map((x) => product([-1, x]))],
  Not: each((x) => (x === 0 ? 1 : 0), false),
  Or: pairs(or),
  Pow: pairs(numbers((a, b) => a ** b)),
  Range: range,
  ReduceMax: reduce(extreme(1), null),
  ReduceMin: reduce(extreme(-1), null),
  ReduceProd: reduce((a, b) => product([a, b]), 1),
  ReduceSum: reduce(sum, 0),
  Reshape: reshaped,
  Round: each(round, true),
  ScatterElements: scatter,
  Shape: (c) => [measuredDims(c)],
  Size: (c) => [[product(c.input(0).shape)]],
  Slice: slice,
  Split: split,
  Sqrt: each(Math.sqrt, false),
  Squeeze: reshaped,
  Sub: pairs(difference),
  Tile: tile,
  Transpose: first,
  Unsqueeze: reshaped,
  Where: where,
  Xor: pairs(numbers((a, b) => Number((a === 0) !== (b === 0)))),
};

/** What a node's outputs hold, where that is known; only scalars and vectors of at most 64 elements are followed. */
export function inferValues(
  c: ShapeContext,
  types: readonly TensorType[],
): readonly (readonly Dim[] | undefined)[] {
  const { op } = c.node;
  const rule = isOp(op) ? rules[op] : undefined;
  const followed = (type: TensorType | undefined): boolean =>
    !!type && type.shape.length <= 1 && type.dtype !== 'string' && (type.shape[0] ?? 1) !== null;
  if (!rule || !types.some(followed)) return [];
  const values = rule(c, types);
  return types.map((type, i) => {
    const value = values[i];
    if (!value || !followed(type) || value.length > MOST_VALUES) return undefined;
    if (value.length > 0 && value.every((x) => x === null)) return undefined;
    return value.length === (type.shape.length === 0 ? 1 : type.shape[0]) ? value : undefined;
  });
}
