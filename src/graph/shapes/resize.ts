import { intsOf, stringOf } from '../attributes.ts';
import { formatShape, product } from '../dims.ts';
import type { Dim } from '../ir.ts';
import { axesOf, knownInts, knownNumbers, mismatch, type ShapeContext, type ShapeRule } from './rule.ts';

/** The axes a Resize works on: all, unless it names some. */
export const resizedAxes = (c: Pick<ShapeContext, 'node' | 'input'>): number[] => {
  const rank = c.input(0).shape.length;
  const named = intsOf(c.node, 'axes');
  return named ? axesOf(c.node, named, rank) : Array.from({ length: rank }, (_, i) => i);
};

/** How a size becomes another by a scale: in float32, as onnxruntime computes it. */
const scaled = (size: Dim, scale: number): Dim => {
  if (typeof size === 'number') return Math.trunc(Math.fround(size * Math.fround(scale)));
  return Number.isInteger(scale) ? product([size, scale]) : null;
};

/** Whether input `i` is there and holds something; before set 13 an empty tensor stood for nothing. */
const holds = (c: ShapeContext, i: number): boolean => c.has(i) && c.input(i).shape[0] !== 0;

export const Resize: ShapeRule = (c) => {
  const { dtype, shape } = c.input(0);
  const axes = resizedAxes(c);
  const out: Dim[] = [...shape];
  const per = <T>(values: readonly T[], what: string): readonly T[] => {
    if (values.length !== axes.length)
      throw mismatch(c.node, `has ${values.length} ${what}`, `${axes.length}, one per axis`);
    return values;
  };
  const unknown = axes.map(() => null);
  if (holds(c, 3)) {
    const sizes = per(knownInts(c, 3) ?? c.dims(3) ?? unknown, 'sizes');
    const policy = stringOf(c.node, 'keep_aspect_ratio_policy', 'stretch');
    const kept =
      policy === 'stretch'
        ? sizes
        : keptRatio(
            axes.map((a) => shape[a]!),
            sizes,
            policy,
          );
    for (const [i, axis] of axes.entries()) out[axis] = kept[i]!;
  } else if (holds(c, 2)) {
    const scales = per(knownNumbers(c, 2) ?? unknown, 'scales');
    if (scales.some((s) => s !== null && !(s > 0 && s < 2 ** 31)))
      throw mismatch(c.node, `has scales [${scales}]`, 'positive ones');
    for (const [i, axis] of axes.entries()) {
      const scale = scales[i]!;
      out[axis] = scale === null ? null : scaled(shape[axis]!, scale);
    }
  } else throw mismatch(c.node, `of ${formatShape(shape)} has neither scales nor sizes`, 'one of them');
  return [{ dtype, shape: out }];
};

/** Sizes of one scale for all axes: the smallest or the largest that `sizes` asks for. */
function keptRatio(from: readonly Dim[], sizes: readonly Dim[], policy: string): readonly Dim[] {
  const ratios = sizes.map((s, i) => {
    const size = from[i]!;
    return typeof s === 'number' && typeof size === 'number' ? s / size : Number.NaN;
  });
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return from.map((d) => (typeof d === 'number' && !Number.isNaN(scale) ? Math.round(scale * d) : null));
}
