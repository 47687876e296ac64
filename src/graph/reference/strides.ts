import { type Call, type Dense, elements } from './kernel.ts';

/** How far apart neighbours along each axis are, row-major. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

/** Fills `out` (of `shape`, row-major) with what the source holds at the given stride per axis, which may be 0 or negative. */
export function walk(
  source: Float64Array,
  out: Float64Array,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): void {
  if (out.length === 0) return;
  const last = shape.length - 1;
  let at = 0;
  const visit = (axis: number, from: number): void => {
    if (axis > last) {
      out[at++] = source[from]!;
      return;
    }
    const size = shape[axis]!;
    const stride = strides[axis]!;
    if (axis === last) for (let i = 0, f = from; i < size; i++, f += stride) out[at++] = source[f]!;
    else for (let i = 0, f = from; i < size; i++, f += stride) visit(axis + 1, f);
  };
  visit(0, offset);
}

/** The axes of `x` in another order. */
export function permuted(c: Call, x: Dense, perm: readonly number[]): Dense {
  const strides = stridesOf(x.shape);
  const out = c.make(
    x.dtype,
    perm.map((p) => x.shape[p]!),
  );
  walk(
    x.data,
    out.data,
    out.shape,
    perm.map((p) => strides[p]!),
  );
  return out;
}

/** The shape that operands broadcast to. @throws E_SHAPE where they do not. */
export function broadcastShape(c: Call, shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const skip = rank - shape.length;
    for (const [i, d] of shape.entries()) {
      if (d === 1) continue;
      const so = out[skip + i]!;
      if (so !== 1 && so !== d)
        throw c.misfit(
          `got shapes ${shapes
            .slice(0, 4)
            .map((s) => `[${s.join(', ')}]`)
            .join(', ')}`,
          'shapes that broadcast',
        );
      out[skip + i] = d;
    }
  }
  return out;
}

/** The elements of `x` repeated to `shape`, to which it must broadcast. */
export function spread(c: Call, x: Dense, shape: readonly number[]): Float64Array {
  const skip = shape.length - x.shape.length;
  if (skip < 0 || x.shape.some((d, i) => d !== 1 && d !== shape[skip + i]))
    throw c.misfit(`got shape [${x.shape.join(', ')}]`, `one that broadcasts to [${shape.join(', ')}]`);
  if (x.data.length === elements(shape)) return x.data;
  const strides = stridesOf(x.shape);
  const out = c.make(x.dtype, shape);
  walk(
    x.data,
    out.data,
    shape,
    shape.map((_, i) => (i < skip || x.shape[i - skip] === 1 ? 0 : strides[i - skip]!)),
  );
  return out.data;
}

/**
 * Picks along every axis: out[i₀, i₁, …] = x[maps₀[i₀], maps₁[i₁], …], and `fill` where one of them is −1.
 * Padding, cropping, tiling and nearest-neighbour resizing are this.
 */
export function picked(c: Call, x: Dense, maps: readonly Int32Array[], fill = 0): Dense {
  const out = c.make(
    x.dtype,
    maps.map((m) => m.length),
  );
  if (out.data.length === 0) return out;
  const strides = stridesOf(x.shape);
  let at = 0;
  const visit = (axis: number, from: number): void => {
    const map = maps[axis];
    if (!map) {
      out.data[at++] = from < 0 ? fill : x.data[from]!;
      return;
    }
    const stride = strides[axis]!;
    for (let i = 0; i < map.length; i++)
      visit(axis + 1, map[i]! < 0 || from < 0 ? -1 : from + map[i]! * stride);
  };
  visit(0, 0);
  return out;
}

/** `length` indices, each of a function of the position. Bounded by the limit as an output is. */
export function indices(c: Call, length: number, of: (i: number) => number): Int32Array {
  if (!(length >= 0 && length <= c.limit))
    throw c.misfit(`would give a size of ${length}`, `0 to ${c.limit}`);
  return Int32Array.from({ length }, (_, i) => of(i));
}

/**
 * Applies `f` to every line of `x` along an axis, each copied into a buffer: `f` reads `line` and fills `out`, which is
 * `length` long. Results as long as the axis is make softmax, sums so far and sorting; shorter ones selection.
 */
export function along(
  c: Call,
  x: Dense,
  axis: number,
  length: number,
  f: (line: Float64Array, out: Float64Array) => void,
): Dense {
  const shape = x.shape.map((d, i) => (i === axis ? length : d));
  const y = c.make(x.dtype, shape);
  const size = x.shape[axis]!;
  const inner = elements(x.shape.slice(axis + 1));
  const outer = elements(x.shape.slice(0, axis));
  const line = new Float64Array(size);
  const out = new Float64Array(length);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      for (let k = 0; k < size; k++) line[k] = x.data[(o * size + k) * inner + i]!;
      f(line, out);
      for (let k = 0; k < length; k++) y.data[(o * length + k) * inner + i] = out[k]!;
    }
  return y;
}
