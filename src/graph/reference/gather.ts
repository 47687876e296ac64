import { settled } from './convert.ts';
import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { along, stridesOf } from './strides.ts';

/** An index within [0, size), counted from the end where it is negative. */
function at(c: Call, index: number, size: number): number {
  const i = index < 0 ? index + size : index;
  if (!(i >= 0 && i < size) || !Number.isInteger(i))
    throw c.outside(`has index ${index}`, `one within [${-size}, ${size})`);
  return i;
}

export const Gather: Kernel = (c) => {
  const [x, index] = [c.input(0), c.input(1)];
  const axis = c.axis(c.int('axis', 0), x.shape.length);
  const y = c.make(x.dtype, [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)]);
  const size = x.shape[axis]!;
  const inner = elements(x.shape.slice(axis + 1));
  const outer = elements(x.shape.slice(0, axis));
  const from = index.data.map((i) => at(c, i, size));
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < from.length; i++) {
      const start = (o * size + from[i]!) * inner;
      y.data.set(x.data.subarray(start, start + inner), (o * from.length + i) * inner);
    }
  return [y];
};

/**
 * Where each element of `index` points in `x`: its own coordinates, but on `axis`, where it is the coordinate.
 * Calls `visit` with positions in the index and in `x`.
 */
function pointed(
  c: Call,
  x: Dense,
  index: Dense,
  axis: number,
  visit: (i: number, from: number) => void,
): void {
  if (index.shape.length !== x.shape.length || index.shape.some((d, i) => i !== axis && d > x.shape[i]!))
    throw c.misfit(
      `got indices of shape [${index.shape.join(', ')}]`,
      `at most [${x.shape.join(', ')}] but on its axis`,
    );
  const strides = stridesOf(x.shape);
  const steps = stridesOf(index.shape);
  for (let i = 0; i < index.data.length; i++) {
    let from = 0;
    for (let a = 0; a < strides.length; a++)
      from +=
        strides[a]! *
        (a === axis ? at(c, index.data[i]!, x.shape[a]!) : Math.floor(i / steps[a]!) % index.shape[a]!);
    visit(i, from);
  }
}

export const GatherElements: Kernel = (c) => {
  const [x, index] = [c.input(0), c.input(1)];
  const y = c.make(x.dtype, index.shape);
  pointed(c, x, index, c.axis(c.int('axis', 0), x.shape.length), (i, from) => {
    y.data[i] = x.data[from]!;
  });
  return [y];
};

/** What an update does to what is there. */
function combiner(c: Call): (so: number, update: number) => number {
  const reduction = c.string('reduction', 'none');
  const table: Readonly<Record<string, (so: number, update: number) => number>> = {
    none: (_, update) => update,
    add: (so, update) => so + update,
    mul: (so, update) => so * update,
    max: Math.max,
    min: Math.min,
  };
  const f = Object.hasOwn(table, reduction) ? table[reduction] : undefined;
  if (!f) throw c.unsupported(`has reduction ${reduction}`, Object.keys(table).join(', '));
  return f;
}

const copied = (c: Call, x: Dense): Dense => {
  const y = c.make(x.dtype, x.shape);
  y.data.set(x.data);
  return y;
};

export const ScatterElements: Kernel = (c) => {
  const [x, index, updates] = [c.input(0), c.input(1), c.input(2)];
  if (updates.data.length !== index.data.length)
    throw c.misfit(`got updates of shape [${updates.shape.join(', ')}]`, `[${index.shape.join(', ')}]`);
  const y = copied(c, x);
  const combine = combiner(c);
  pointed(c, x, index, c.axis(c.int('axis', 0), x.shape.length), (i, to) => {
    y.data[to] = combine(y.data[to]!, updates.data[i]!);
  });
  return [settled(y)];
};

/** The positions in `x` that the index tuples (the last axis of `index`) point to, and the size of what lies there. */
function tuples(
  c: Call,
  x: Dense,
  index: Dense,
  batchDims: number,
): { starts: Float64Array; block: number; depth: number } {
  const depth = index.shape.at(-1);
  if (
    depth === undefined ||
    !(batchDims >= 0 && batchDims < index.shape.length) ||
    batchDims + depth > x.shape.length
  )
    throw c.misfit(
      `got indices of shape [${index.shape.join(', ')}] into [${x.shape.join(', ')}]`,
      'a last size within its rank',
    );
  if (x.shape.slice(0, batchDims).some((d, i) => d !== index.shape[i]))
    throw c.misfit('got different batch sizes', 'equal ones');
  const strides = stridesOf(x.shape);
  const batches = elements(x.shape.slice(0, batchDims));
  const count = elements(index.shape.slice(0, -1));
  const starts = new Float64Array(count);
  const perBatch = count / Math.max(batches, 1);
  for (let i = 0; i < count; i++) {
    let start = batchDims > 0 ? Math.floor(i / perBatch) * strides[batchDims - 1]! : 0;
    for (let k = 0; k < depth; k++)
      start += strides[batchDims + k]! * at(c, index.data[i * depth + k]!, x.shape[batchDims + k]!);
    starts[i] = start;
  }
  return { starts, block: elements(x.shape.slice(batchDims + depth)), depth };
}

export const GatherND: Kernel = (c) => {
  const [x, index] = [c.input(0), c.input(1)];
  const batchDims = c.int('batch_dims', 0);
  const { starts, block, depth } = tuples(c, x, index, batchDims);
  const y = c.make(x.dtype, [...index.shape.slice(0, -1), ...x.shape.slice(batchDims + depth)]);
  for (let i = 0; i < starts.length; i++)
    y.data.set(x.data.subarray(starts[i]!, starts[i]! + block), i * block);
  return [y];
};

export const ScatterND: Kernel = (c) => {
  const [x, index, updates] = [c.input(0), c.input(1), c.input(2)];
  const { starts, block } = tuples(c, x, index, 0);
  if (updates.data.length !== starts.length * block)
    throw c.misfit(`got updates of shape [${updates.shape.join(', ')}]`, `${starts.length * block} elements`);
  const y = copied(c, x);
  const combine = combiner(c);
  for (let i = 0; i < starts.length; i++)
    for (let k = 0; k < block; k++) {
      const to = starts[i]! + k;
      y.data[to] = combine(y.data[to]!, updates.data[i * block + k]!);
    }
  return [settled(y)];
};

/** The coordinates of what is not zero, one column each. */
export const NonZero: Kernel = (c) => {
  const x = c.input(0);
  let count = 0;
  for (const v of x.data) if (v !== 0) count += 1;
  const y = c.make('int64', [x.shape.length, count]);
  const strides = stridesOf(x.shape);
  let column = 0;
  for (let i = 0; i < x.data.length; i++) {
    if (x.data[i] === 0) continue;
    for (const [a, stride] of strides.entries())
      y.data[a * count + column] = Math.floor(i / stride) % x.shape[a]!;
    column += 1;
  }
  return [y];
};

/** The slices along an axis (of the flattened input, where none is named) for which the condition holds. */
export const Compress: Kernel = (c) => {
  const given = c.input(0);
  const condition = c.input(1, 1);
  const flat = !c.node.attributes.has('axis');
  const x = flat ? c.reshaped(given, [given.data.length]) : given;
  const axis = c.axis(c.int('axis', 0), x.shape.length);
  const size = x.shape[axis]!;
  const kept: number[] = [];
  for (let i = 0; i < Math.min(condition.data.length, size); i++) if (condition.data[i] !== 0) kept.push(i);
  return [
    along(c, x, axis, kept.length, (line, out) => {
      for (let k = 0; k < kept.length; k++) out[k] = line[kept[k]!]!;
    }),
  ];
};

/** The k largest or smallest, in order, of equals the first first; with their positions. */
export const TopK: Kernel = (c) => {
  const x = c.input(0);
  const k = c.scalar(1);
  const axis = c.axis(c.int('axis', -1), x.shape.length);
  const size = x.shape[axis]!;
  if (!(k >= 0 && k <= size)) throw c.outside(`takes ${k} of ${size}`, `0 to ${size}`);
  const sign = c.int('largest', 1) !== 0 ? -1 : 1;
  const order = (line: Float64Array): Int32Array =>
    Int32Array.from({ length: size }, (_, i) => i).sort((a, b) => sign * (line[a]! - line[b]!) || a - b);
  const positions = along(c, x, axis, k, (line, out) => out.set(order(line).subarray(0, k)));
  const values = along(c, x, axis, k, (line, out) => {
    const by = order(line);
    for (let i = 0; i < k; i++) out[i] = line[by[i]!]!;
  });
  return [values, { ...positions, dtype: 'int64' }];
};
