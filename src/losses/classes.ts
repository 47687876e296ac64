import type { GraphBuilder, Value } from '../graph/index.ts';

/** Far below any logit, and exact when multiplied by 0 and added. */
const FAR = 1e30;

/** K of logits `[N, K]`. */
export function classesOf(b: GraphBuilder, logits: Value): number {
  const classes = b.shape(logits)[1];
  if (typeof classes !== 'number') throw new Error('the number of classes must be known');
  return classes;
}

/** Labels `[N]` as rows of the unit matrix, `[N, K]`. */
export const oneHot = (b: GraphBuilder, logits: Value, labels: Value): Value =>
  b.op('OneHot', [labels, b.ints([classesOf(b, logits)]), b.floats([0, 1])], { axis: 1 });

/** Σ over classes of a·b: `[N, K]`, `[N, K]` to `[N]`. */
export const dotClasses = (b: GraphBuilder, x: Value, y: Value): Value =>
  b.op('ReduceSum', [b.op('Mul', [x, y]), b.ints([1])], { keepdims: 0 });

/** z_y, the logit of each sample's label. */
export const ownLogit = (b: GraphBuilder, logits: Value, labels: Value): Value =>
  dotClasses(b, logits, oneHot(b, logits, labels));

/** max over i ≠ y of z_i. */
export function bestOther(b: GraphBuilder, logits: Value, labels: Value): Value {
  const away = b.op('Mul', [oneHot(b, logits, labels), b.scalar(FAR)]);
  return b.op('ReduceMax', [b.op('Sub', [logits, away]), b.ints([1])], { keepdims: 0 });
}

/** The k largest logits of each sample, in falling order: `count` values `[N]`. */
export function largest(b: GraphBuilder, logits: Value, count: number): Value[] {
  const [sorted] = b.ops('TopK', [logits, b.ints([count])], { axis: 1, largest: 1, sorted: 1 }, 2);
  return Array.from({ length: count }, (_, i) =>
    b.op('Squeeze', [b.slice(sorted!, [{ axis: 1, start: i, end: i + 1 }]), b.ints([1])]),
  );
}
