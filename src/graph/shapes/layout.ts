import { constantOf, intOf, intsOf } from '../attributes.ts';
import { broadcast, formatShape, product, quotient } from '../dims.ts';
import type { Dim } from '../ir.ts';
import { axisOf, constantInts, mismatch, type ShapeContext, type ShapeRule } from './rule.ts';

export const Reshape: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const measured = c.dims(1);
  if (measured) return [{ dtype, shape: measured }];
  const wanted = constantInts(c, 1, 'shape');
  const keepZero = intOf(c.node, 'allowzero', 0) === 0;
  const out: Dim[] = wanted.map((d, i) => (d === 0 && keepZero ? (shape[i] ?? null) : d));
  const open = out.indexOf(-1);
  if (open >= 0) {
    const rest = product(out.filter((_, i) => i !== open));
    out[open] = quotient(product(shape), rest);
    if (out[open] === null && typeof product(shape) === 'number')
      throw mismatch(c.node, `got shape ${formatShape(shape)}`, `one that reshapes to [${wanted}]`);
  } else if (typeof product(shape) === 'number' && product(out) !== product(shape))
    throw mismatch(c.node, `got shape ${formatShape(shape)}`, `one that reshapes to [${wanted}]`);
  return [{ dtype, shape: out }];
};

export const Flatten: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axis = intOf(c.node, 'axis', 1);
  const at = axis < 0 ? axis + shape.length : axis;
  return [{ dtype, shape: [product(shape.slice(0, at)), product(shape.slice(at))] }];
};

export const Transpose: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const perm = intsOf(c.node, 'perm') ?? shape.map((_, i) => shape.length - 1 - i);
  if (perm.length !== shape.length)
    throw mismatch(c.node, `got shape ${formatShape(shape)}`, `rank ${perm.length}`);
  return [{ dtype, shape: perm.map((p) => shape[p]!) }];
};

/** Axes from the input (opset 13 on) or from the attribute (before). */
const axes = (c: ShapeContext): number[] | undefined =>
  c.has(1) ? constantInts(c, 1, 'axes') : (intsOf(c.node, 'axes')?.slice() ?? undefined);

export const Squeeze: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const drop = axes(c)?.map((a) => axisOf(c.node, a, shape.length));
  return [{ dtype, shape: shape.filter((d, i) => (drop ? !drop.includes(i) : d !== 1)) }];
};

export const Unsqueeze: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const added = axes(c) ?? [];
  const rank = shape.length + added.length;
  const at = new Set(added.map((a) => axisOf(c.node, a, rank)));
  const rest = [...shape];
  return [{ dtype, shape: Array.from({ length: rank }, (_, i) => (at.has(i) ? 1 : rest.shift()!)) }];
};

export const Concat: ShapeRule = (c) => {
  const first = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', 0), first.shape.length);
  let total: Dim = 0;
  const shape = [...first.shape];
  for (let i = 0; i < c.node.inputs.length; i++) {
    const { shape: next } = c.input(i);
    const d = next[axis] ?? null;
    total = typeof total === 'number' && typeof d === 'number' ? total + d : null;
    for (const [a, n] of next.entries()) {
      if (a === axis) continue;
      if (typeof n === 'number' && typeof shape[a] === 'number' && n !== shape[a])
        throw mismatch(
          c.node,
          `got shapes ${formatShape(shape)} and ${formatShape(next)}`,
          'shapes equal but on its axis',
        );
      if (typeof n === 'number') shape[a] = n;
    }
  }
  shape[axis] = total;
  return [{ dtype: first.dtype, shape }];
};

/** What a Slice takes from one axis: `step` may be negative; `start` and `count` are resolved against `size`. */
export function resolveSlice(
  size: number,
  start: number,
  end: number,
  step: number,
): { start: number; count: number } {
  const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v, low), high);
  const s = start < 0 ? start + size : start;
  const e = end < 0 ? end + size : end;
  if (step > 0) {
    const from = clamp(s, 0, size);
    return { start: from, count: Math.max(0, Math.ceil((clamp(e, 0, size) - from) / step)) };
  }
  const from = clamp(s, 0, size - 1);
  return { start: from, count: Math.max(0, Math.ceil((clamp(e, -1, size - 1) - from) / step)) };
}

export const Slice: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const out = [...shape];
  for (const s of sliceOf(c)) {
    const size = shape[s.axis]!;
    out[s.axis] =
      typeof size === 'number'
        ? resolveSlice(size, s.start, s.end, s.step).count
        : s.start === 0 && s.end >= 2 ** 31 - 1 && s.step === 1
          ? size
          : null;
  }
  return [{ dtype, shape: out }];
};

/** The slices of a Slice node, one per axis it cuts. */
export function sliceOf(c: ShapeContext): { axis: number; start: number; end: number; step: number }[] {
  const rank = c.input(0).shape.length;
  const attribute = c.node.inputs.length === 1;
  const read = (i: number, name: string) =>
    attribute ? [...(intsOf(c.node, name) ?? [])] : c.has(i) ? constantInts(c, i, name) : undefined;
  const starts = read(1, 'starts') ?? [];
  const ends = read(2, 'ends') ?? [];
  const on = attribute ? intsOf(c.node, 'axes') : read(3, 'axes');
  const steps = attribute ? undefined : read(4, 'steps');
  return starts.map((start, i) => ({
    axis: axisOf(c.node, on?.[i] ?? i, rank),
    start,
    end: ends[i]!,
    step: steps?.[i] ?? 1,
  }));
}

/** The amounts a Pad adds before and after each axis. */
export function padsOf(c: ShapeContext): { before: number[]; after: number[] } {
  const rank = c.input(0).shape.length;
  const pads = c.has(1) ? constantInts(c, 1, 'pads') : [...(intsOf(c.node, 'pads') ?? [])];
  const on = c.has(3)
    ? constantInts(c, 3, 'axes').map((a) => axisOf(c.node, a, rank))
    : Array.from({ length: rank }, (_, i) => i);
  const before = new Array<number>(rank).fill(0);
  const after = new Array<number>(rank).fill(0);
  for (const [i, axis] of on.entries()) {
    before[axis] = pads[i]!;
    after[axis] = pads[i + on.length]!;
  }
  return { before, after };
}

export const Pad: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const { before, after } = padsOf(c);
  const out = shape.map((d, i) =>
    typeof d === 'number' ? d + before[i]! + after[i]! : before[i]! + after[i]! === 0 ? d : null,
  );
  return [{ dtype, shape: out }];
};

export const Expand: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const measured = c.dims(1);
  if (measured) return [{ dtype, shape: broadcast(shape, measured) ?? measured.map(() => null) }];
  const wanted = c.constant(1);
  if (!wanted) {
    const symbolic = c.input(1).shape[0];
    return [
      { dtype, shape: new Array<Dim>(typeof symbolic === 'number' ? symbolic : shape.length).fill(null) },
    ];
  }
  const out = broadcast(shape, constantInts(c, 1, 'shape'));
  if (!out)
    throw mismatch(
      c.node,
      `got shape ${formatShape(shape)}`,
      `one that broadcasts to [${constantInts(c, 1, 'shape')}]`,
    );
  return [{ dtype, shape: out }];
};

export const Shape: ShapeRule = (c) => [{ dtype: 'int64', shape: [measuredDims(c).length] }];

/** What a Shape node measures: all dimensions, or those from `start` to before `end`. */
export const measuredDims = (c: Pick<ShapeContext, 'node' | 'input'>): readonly Dim[] =>
  c.input(0).shape.slice(intOf(c.node, 'start', 0), intOf(c.node, 'end', Number.MAX_SAFE_INTEGER));

export const Gather: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', 0), shape.length);
  return [{ dtype, shape: [...shape.slice(0, axis), ...c.input(1).shape, ...shape.slice(axis + 1)] }];
};

export const Constant: ShapeRule = (c) => {
  const value = constantOf(c.node);
  if (!value) throw mismatch(c.node, 'holds no dense tensor', 'value, value_float(s) or value_int(s)');
  return [{ dtype: value.dtype, shape: value.shape }];
};
