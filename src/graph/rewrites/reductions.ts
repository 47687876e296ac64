import { floatOf, intOf, intsOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Node } from '../ir.ts';
import { windowOf, windowOutput } from '../shapes/spatial.ts';
import {
  axesFrom,
  fixedDim,
  floatInput,
  inputOf,
  malformed,
  scaledBy,
  shapeOfRank,
  square,
} from './parts.ts';
import type { Rewrite } from './rewrite.ts';

/** Reduces `x` as the node says: its axes, keepdims and noop_with_empty_axes. */
const summed = (b: GraphBuilder, n: Node, x: Value): Value => {
  const keepdims = intOf(n, 'keepdims', 1);
  const noop = intOf(n, 'noop_with_empty_axes', 0);
  const attributes = { keepdims, ...(noop ? { noop_with_empty_axes: 1 } : {}) };
  return b.op('ReduceSum', n.inputs[1] ? [x, n.inputs[1]] : [x], attributes);
};

// Σ|x|
export const ReduceL1: Rewrite = (b, n) => [summed(b, n, b.op('Abs', [inputOf(n, 0)]))];
// log Σx
export const ReduceLogSum: Rewrite = (b, n) => [b.op('Log', [summed(b, n, floatInput(b, n))])];
// Σx²
export const ReduceSumSquare: Rewrite = (b, n) => [summed(b, n, square(b, inputOf(n, 0)))];

// (x₁ + … + xₙ)/n
export const Mean: Rewrite = (b, n) => {
  const values = n.inputs.map((_, i) => floatInput(b, n, i));
  if (values.length === 0) throw malformed(n, 'has no inputs', 'at least one');
  return values.length === 1 ? values : [b.op('Div', [b.op('Sum', values), b.scalar(values.length)])];
};

export const GlobalMaxPool: Rewrite = (b, n) => {
  const x = inputOf(n, 0);
  const { length } = shapeOfRank(b, n, x, 3, 8);
  return [b.op('ReduceMax', [x, b.ints(axesFrom(2, length))], { keepdims: 1 })];
};

/** |x|^p */
function powered(b: GraphBuilder, x: Value, p: number): Value {
  if (p === 2) return square(b, x);
  const abs = b.op('Abs', [x]);
  return p === 1 ? abs : b.op('Pow', [abs, b.scalar(p)]);
}

/** y^(1/p) */
function rooted(b: GraphBuilder, y: Value, p: number): Value {
  if (p === 1) return y;
  return p === 2 ? b.op('Sqrt', [y]) : b.op('Pow', [y, b.scalar(1 / p)]);
}

const powerOf = (n: Node): number => {
  const p = floatOf(n, 'p', 2);
  if (!(p >= 1)) throw malformed(n, `has p = ${p}`, 'at least 1');
  return p;
};

// (Σ|x|^p)^(1/p), over the whole map
export const GlobalLpPool: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const axes = b.ints(axesFrom(2, shapeOfRank(b, n, x, 3, 8).length));
  const p = powerOf(n);
  if (p === 2) return [b.op('ReduceL2', [x, axes], { keepdims: 1 })];
  return [rooted(b, b.op('ReduceSum', [powered(b, x, p), axes], { keepdims: 1 }), p)];
};

// (Σ|x|^p)^(1/p), over a window: the mean of a window of k elements, padding counted, is the sum over k
export const LpPool: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const shape = shapeOfRank(b, n, x, 3, 5);
  const rank = shape.length - 2;
  const kernel = intsOf(n, 'kernel_shape');
  if (kernel?.length !== rank || kernel.some((k) => !(k >= 1)))
    throw malformed(n, `has kernel_shape [${kernel ?? ''}]`, `${rank} sizes of at least 1`);
  const p = powerOf(n);
  const kept = (...names: string[]) => new Map([...n.attributes].filter(([name]) => names.includes(name)));
  let attributes = kept('kernel_shape', 'strides', 'dilations', 'pads', 'auto_pad');
  let y = powered(b, x, p);
  if (intOf(n, 'ceil_mode', 0) === 1) {
    // What the last windows reach beyond is padded for them, as AveragePool would not count it.
    const size = shape.slice(2).map((d) => fixedDim(n, d, 'the size of its map'));
    const w = windowOf(n, size as [number, number], kernel);
    const out = windowOutput(w, size as [number, number]);
    const before = axesFrom(0, rank).map((a) => w.pads[a]!);
    const after = axesFrom(0, rank).map((a) => {
      const reach = (out[a]! - 1) * w.strides[a]! + w.dilations[a]! * (w.kernel[a]! - 1) + 1;
      return Math.max(w.pads[a + rank]!, reach - size[a]! - before[a]!);
    });
    y = b.pad(y, [0, 0, ...before], [0, 0, ...after]);
    attributes = kept('kernel_shape', 'strides', 'dilations');
  }
  const average = b.op('AveragePool', [y], {
    ...Object.fromEntries(attributes),
    count_include_pad: 1,
  });
  const count = kernel.reduce((a, k) => a * k, 1);
  return [rooted(b, scaledBy(b, average, count), p)];
};
