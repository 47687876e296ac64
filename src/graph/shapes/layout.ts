import { constantOf, intOf, intsOf, stringOf } from '../attributes.ts';
import { broadcast, formatShape, product, quotient, sameDim, signOf, sum } from '../dims.ts';
import type { Dim, Node } from '../ir.ts';
import { statedShape } from './generate.ts';
import {
  axesOf,
  axisOf,
  type ConstantContext,
  constantInts,
  knownInts,
  mismatch,
  type ShapeContext,
  type ShapeRule,
} from './rule.ts';

/** What the helpers below read of a node. */
export type LayoutContext = ConstantContext & Pick<ShapeContext, 'has' | 'input'>;

export const Reshape: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const wanted = statedShape(c, 1);
  const error = () =>
    mismatch(c.node, `got shape ${formatShape(shape)}`, `one that reshapes to [${wanted.slice(0, 32)}]`);
  const keepZero = intOf(c.node, 'allowzero', 0) === 0;
  const out: Dim[] = wanted.map((d, i) => {
    if (d !== 0 || !keepZero) return d;
    if (i >= shape.length) throw error();
    return shape[i]!;
  });
  const total = product(shape);
  const open = out.indexOf(-1);
  if (open >= 0) {
    const rest = product(out.filter((_, i) => i !== open));
    out[open] = total === 0 && rest === 0 ? 0 : quotient(total, rest);
    if (out[open] === null && typeof total === 'number' && typeof rest === 'number') throw error();
  } else if (out.filter((d) => d === null).length === 1) {
    // A size that is not known is what the others leave.
    const at = out.indexOf(null);
    out[at] = quotient(total, product(out.filter((_, i) => i !== at)));
  } else if (signOf(sum(total, product([-1, ...out])))) throw error();
  return [{ dtype, shape: out }];
};

export const Flatten: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axis = intOf(c.node, 'axis', 1);
  const at = axis < 0 ? axis + shape.length : axis;
  if (!(at >= 0 && at <= shape.length))
    throw mismatch(c.node, `has axis ${axis}`, `an axis within rank ${shape.length}`);
  return [{ dtype, shape: [product(shape.slice(0, at)), product(shape.slice(at))] }];
};

/** The order in which a Transpose takes its input's axes. */
export function permutationOf(node: Node, rank: number): readonly number[] {
  const perm = intsOf(node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (perm.length !== rank) throw mismatch(node, `got an input of rank ${rank}`, `rank ${perm.length}`);
  return axesOf(node, perm, rank);
}

export const Transpose: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  return [{ dtype, shape: permutationOf(c.node, shape.length).map((p) => shape[p]!) }];
};

/** Axes from the input (opset 13 on) or from the attribute (before). */
const axes = (c: ShapeContext): readonly number[] | undefined =>
  c.has(1) ? constantInts(c, 1, 'axes') : intsOf(c.node, 'axes');

export const Squeeze: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const given = axes(c);
  const drop = new Set(given && axesOf(c.node, given, shape.length));
  for (const a of drop)
    if (typeof shape[a] === 'number' && shape[a] !== 1)
      throw mismatch(c.node, `got shape ${formatShape(shape)}`, `size 1 on axis ${a}`);
  return [{ dtype, shape: shape.filter((d, i) => (given ? !drop.has(i) : d !== 1)) }];
};

export const Unsqueeze: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const added = axes(c) ?? [];
  const rank = shape.length + added.length;
  const at = new Set(axesOf(c.node, added, rank));
  let next = 0;
  return [{ dtype, shape: Array.from({ length: rank }, (_, i) => (at.has(i) ? 1 : shape[next++]!)) }];
};

export const Concat: ShapeRule = (c) => {
  const first = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', 0), first.shape.length);
  let total: Dim = 0;
  const shape = [...first.shape];
  for (let i = 0; i < c.node.inputs.length; i++) {
    const { shape: next } = c.input(i);
    const error = () =>
      mismatch(
        c.node,
        `got shapes ${formatShape(shape)} and ${formatShape(next)}`,
        'shapes equal but on its axis',
      );
    if (next.length !== shape.length) throw error();
    total = sum(total, next[axis]!);
    for (const [a, n] of next.entries()) {
      if (a === axis || typeof n !== 'number') continue;
      if (typeof shape[a] === 'number' && n !== shape[a]) throw error();
      shape[a] = n;
    }
  }
  shape[axis] = total;
  return [{ dtype: first.dtype, shape }];
};

/** The sizes of the parts that a Split makes of `size`; null where they are not known. */
export function splitSizes(c: LayoutContext, axis: number): readonly Dim[] {
  const size = c.input(0).shape[axis]!;
  const count = c.node.outputs.length;
  if (c.has(1)) {
    const dims = knownInts(c, 1) ?? c.dims?.(1) ?? new Array<Dim>(count).fill(null);
    const total = dims.reduce(sum, 0);
    if (dims.length !== count || (typeof total === 'number' && typeof size === 'number' && total !== size))
      throw mismatch(
        c.node,
        `splits ${size} into [${dims.slice(0, 32)}]`,
        `${count} parts that add up to it`,
      );
    return dims;
  }
  const stated = intOf(c.node, 'num_outputs', count);
  if (stated !== count) throw mismatch(c.node, `has ${count} outputs`, `${stated}`);
  if (typeof size !== 'number') return new Array<Dim>(count).fill(quotient(size, count));
  // The last part is smaller where the size is no multiple.
  const each = Math.ceil(size / count);
  if (each * (count - 1) >= size && count > 1)
    throw mismatch(c.node, `splits ${size} into ${count}`, 'fewer parts');
  return Array.from({ length: count }, (_, i) => Math.min(each, size - i * each));
}

export const Split: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axis = axisOf(c.node, intOf(c.node, 'axis', 0), shape.length);
  return splitSizes(c, axis).map((size) => ({ dtype, shape: shape.with(axis, size) }));
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

export interface SliceOfAxis {
  readonly axis: number;
  readonly start: Dim;
  readonly end: Dim;
  readonly step: Dim;
}

/** The cuts of a Slice node as far as they are known: symbols and null are computed while running. */
export function cutsOf(c: LayoutContext): SliceOfAxis[] {
  const rank = c.input(0).shape.length;
  const read = (i: number, what: string): readonly Dim[] => {
    const length = c.input(i).shape[0];
    const known = knownInts(c, i) ?? c.dims?.(i);
    if (known) return known;
    if (typeof length === 'number' && length <= rank) return new Array<Dim>(length).fill(null);
    return constantInts(c, i, what);
  };
  const [starts, ends] = [read(1, 'starts'), read(2, 'ends')];
  const on = c.has(3) ? constantInts(c, 3, 'axes') : starts.map((_, i) => i);
  const steps = c.has(4) ? read(4, 'steps') : starts.map(() => 1);
  if (ends.length !== starts.length || on.length !== starts.length || steps.length !== starts.length)
    throw mismatch(c.node, 'has starts, ends, axes and steps of different lengths', 'one of each per axis');
  if (steps.includes(0)) throw mismatch(c.node, 'has a step of 0', 'steps forwards or backwards');
  return axesOf(c.node, on, rank).map((axis, i) => ({
    axis,
    start: starts[i]!,
    end: ends[i]!,
    step: steps[i]!,
  }));
}

/** How much a cut leaves of an axis. */
function cutSize(size: Dim, { start, end, step }: SliceOfAxis): Dim {
  if (typeof size === 'number') {
    // A symbol that the size is known to equal cannot be: what is left is not known.
    if (typeof start !== 'number' || typeof end !== 'number' || typeof step !== 'number') return null;
    return resolveSlice(size, start, end, step).count;
  }
  if (step === 1 && start === 0 && (sameDim(end, size) || (typeof end === 'number' && end >= 2 ** 31 - 1)))
    return size;
  if (step === -1 && start === -1 && typeof end === 'number' && end <= -(2 ** 31) + 1) return size;
  // From an end of an axis that is as long as that at least: [0, 1) of a batch, say.
  return step === 1 &&
    ((start === 0 && end === 1) || (start === -1 && typeof end === 'number' && end > 2 ** 31 - 2))
    ? 1
    : null;
}

export const Slice: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const out = [...shape];
  for (const cut of cutsOf(c)) out[cut.axis] = cutSize(shape[cut.axis]!, cut);
  return [{ dtype, shape: out }];
};

/** The slices of a Slice node, one per axis it cuts. @throws E_UNSUPPORTED where they are computed while running */
export function sliceOf(c: LayoutContext): { axis: number; start: number; end: number; step: number }[] {
  return cutsOf(c).map(({ axis, start, end, step }) => {
    if (typeof start === 'number' && typeof end === 'number' && typeof step === 'number')
      return { axis, start, end, step };
    // A constant that is not there: the helper's own words.
    constantInts({ node: c.node, constant: () => undefined }, 1, 'starts and ends');
    throw new Error('unreachable');
  });
}

/** The amounts a Pad adds before and after each axis; negative ones cut. */
export function padsOf(c: LayoutContext): { before: number[]; after: number[] } {
  const rank = c.input(0).shape.length;
  const pads = constantInts(c, 1, 'pads');
  const on = c.has(3)
    ? axesOf(c.node, constantInts(c, 3, 'axes'), rank)
    : Array.from({ length: rank }, (_, i) => i);
  if (pads.length !== 2 * on.length)
    throw mismatch(c.node, `has ${pads.length} pads`, `two for each of ${on.length} axes`);
  const before = new Array<number>(rank).fill(0);
  const after = new Array<number>(rank).fill(0);
  for (const [i, axis] of on.entries()) {
    before[axis] = pads[i]!;
    after[axis] = pads[i + on.length]!;
  }
  return { before, after };
}

const PAD_MODES: readonly string[] = ['constant', 'edge', 'reflect', 'wrap'];

export const Pad: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const mode = stringOf(c.node, 'mode', 'constant');
  if (!PAD_MODES.includes(mode)) throw mismatch(c.node, `has mode "${mode}"`, PAD_MODES.join(', '));
  const { before, after } = padsOf(c);
  return [{ dtype, shape: shape.map((d, i) => sum(d, before[i]! + after[i]!)) }];
};

export const Expand: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const wanted = statedShape(c, 1);
  const out = broadcast(shape, wanted);
  if (!out)
    throw mismatch(
      c.node,
      `got shape ${formatShape(shape)}`,
      `one that broadcasts to [${wanted.slice(0, 32)}]`,
    );
  return [{ dtype, shape: out }];
};

export const Tile: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const repeats = knownInts(c, 1) ?? c.dims(1) ?? shape.map(() => null);
  if (repeats.length !== shape.length)
    throw mismatch(c.node, `has ${repeats.length} repeats`, `one for each of ${shape.length} axes`);
  return [{ dtype, shape: shape.map((d, i) => product([d, repeats[i]!])) }];
};

export const Shape: ShapeRule = (c) => [{ dtype: 'int64', shape: [measuredDims(c).length] }];

/** What a Shape node measures: all dimensions, or those from `start` to before `end`. */
export const measuredDims = (c: Pick<ShapeContext, 'node' | 'input'>): readonly Dim[] =>
  c.input(0).shape.slice(intOf(c.node, 'start', 0), intOf(c.node, 'end', Number.MAX_SAFE_INTEGER));

export const Constant: ShapeRule = (c) => {
  const value = constantOf(c.node);
  if (!value) throw mismatch(c.node, 'holds no dense tensor', 'value, value_float(s) or value_int(s)');
  return [{ dtype: value.dtype, shape: value.shape }];
};
