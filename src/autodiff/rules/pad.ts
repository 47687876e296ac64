import { type Node, padsOf, stringOf } from '../../graph/index.ts';
import { fixedDims, type Rule, type Tape } from '../tape.ts';

/**
 * The part that was the input; the constant that is padded with gets the rest. Where the border repeats the image
 * (reflect, edge, wrap), each axis is a 0/1 matrix, and its transpose brings every copy home.
 */
export const Pad: Rule = (t, node, [g]) => {
  const mode = stringOf(node, 'mode', 'constant');
  const { before, after } = padsOf(t.context(node));
  if (mode !== 'constant') {
    const axes = before.flatMap((n, axis) => (n !== 0 || after[axis] !== 0 ? [axis] : []));
    return [axes.reduce((v, axis) => repeated(t, node, v, axis, [before[axis]!, after[axis]!], mode), g!)];
  }
  const x = t.shape(node.inputs[0]!);
  const cuts = before.flatMap((b, axis) => {
    const a = after[axis]!;
    if (b <= 0 && a <= 0) return [];
    const [size] = fixedDims(node, [x[axis]!]) as [number];
    const start = Math.max(0, b);
    return [{ axis, start, end: start + size - Math.max(0, -b) - Math.max(0, -a) }];
  });
  const grow = (amounts: readonly number[]) => amounts.map((n) => Math.max(0, -n));
  const dx = t.b.pad(t.b.slice(g!, cuts), grow(before), grow(after));
  return t.each(
    node,
    () => dx,
    () => undefined,
    () => {
      const all = (v: typeof dx) =>
        t.sum(
          v,
          x.map((_, i) => i),
          false,
        );
      return t.b.reshapeLike(t.sub(all(g!), all(dx)), node.inputs[2]!);
    },
  );
};

/** One axis of a gradient, back from a padding that repeats the image. */
function repeated(
  t: Tape,
  node: Node,
  g: string,
  axis: number,
  [before, after]: readonly [number, number],
  mode: string,
): string {
  const [size] = fixedDims(node, [t.shape(node.inputs[0]!)[axis]!]) as [number];
  const [skipped, kept] = [Math.max(0, -before), size - Math.max(0, -before) - Math.max(0, -after)];
  const out = size + before + after;
  const matrix = t.table(node, [size, out], (data) => {
    for (let o = 0; o < out; o++) {
      const from = skipped + source(o - Math.max(0, before), kept, mode);
      data[from * out + o] = 1;
    }
  });
  return t.along(node, g, axis, size, matrix);
}

/** Where position `i`, which may lie outside [0, size), takes its value from. */
function source(i: number, size: number, mode: string): number {
  if (mode === 'edge' || size <= 1) return Math.min(Math.max(i, 0), size - 1);
  const modulo = (n: number, m: number) => ((n % m) + m) % m;
  if (mode === 'wrap') return modulo(i, size);
  const at = modulo(i, 2 * size - 2);
  return at < size ? at : 2 * size - 2 - at;
}
