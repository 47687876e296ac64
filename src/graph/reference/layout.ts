import { constantOf } from '../attributes.ts';
import { resolveSlice } from '../shapes/layout.ts';
import { denseOf } from './convert.ts';
import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { broadcastShape, indices, permuted, picked, spread, stridesOf, walk } from './strides.ts';

/** Reshape's shape: 0 keeps a size (unless `allowzero`), −1 is what remains. */
export const Reshape: Kernel = (c) => {
  const x = c.input(0);
  const keepZero = c.int('allowzero', 0) === 0;
  const shape = c.vector(1).map((d, i) => (d === 0 && keepZero ? (x.shape[i] ?? -2) : d));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = x.data.length / elements(shape.filter((_, i) => i !== open));
  return [c.reshaped(x, shape)];
};

export const Flatten: Kernel = (c) => {
  const x = c.input(0);
  const { length } = x.shape;
  const axis = c.axis(c.int('axis', 1), length + 1);
  const at = c.int('axis', 1) < 0 ? axis - 1 : axis;
  return [c.reshaped(x, [elements(x.shape.slice(0, at)), elements(x.shape.slice(at))])];
};

const axesOf = (c: Call): readonly number[] | undefined => (c.optional(1) ? c.vector(1) : c.ints('axes'));

export const Squeeze: Kernel = (c) => {
  const x = c.input(0);
  const named = axesOf(c);
  const drop = named && c.axes(named, x.shape.length);
  return [
    c.reshaped(
      x,
      x.shape.filter((d, i) => (drop ? !drop.includes(i) : d !== 1)),
    ),
  ];
};

export const Unsqueeze: Kernel = (c) => {
  const x = c.input(0);
  const named = axesOf(c) ?? [];
  const added = new Set(c.axes(named, x.shape.length + named.length));
  const rest = [...x.shape];
  const shape = Array.from({ length: x.shape.length + named.length }, (_, i) =>
    added.has(i) ? 1 : rest.shift()!,
  );
  return [c.reshaped(x, shape)];
};

export const Transpose: Kernel = (c) => {
  const x = c.input(0);
  const { length } = x.shape;
  const perm = c.ints('perm') ?? x.shape.map((_, i) => length - 1 - i);
  if (perm.length !== length) throw c.misfit(`got an input of rank ${length}`, `rank ${perm.length}`);
  return [permuted(c, x, c.axes(perm, length))];
};

export const Concat: Kernel = (c) => {
  const parts = c.inputs.map((_, i) => c.input(i));
  const first = c.input(0);
  return [joined(c, parts, c.axis(c.int('axis', 0), first.shape.length))];
};

/** Tensors side by side along an axis. */
export function joined(c: Call, parts: readonly Dense[], axis: number): Dense {
  const first = parts[0]!;
  for (const { shape } of parts)
    if (shape.length !== first.shape.length || shape.some((d, i) => i !== axis && d !== first.shape[i]))
      throw c.misfit(
        `got shapes [${first.shape.join(', ')}] and [${shape.join(', ')}]`,
        'shapes equal but on its axis',
      );
  const total = parts.reduce((n, p) => n + p.shape[axis]!, 0);
  const y = c.make(
    first.dtype,
    first.shape.map((d, i) => (i === axis ? total : d)),
  );
  const outer = elements(first.shape.slice(0, axis));
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const { data } of parts) {
      const block = data.length / outer;
      y.data.set(data.subarray(o * block, (o + 1) * block), at);
      at += block;
    }
  return y;
}

/** The part of `x` from `start` on, `size` long, along an axis. */
export function part(c: Call, x: Dense, axis: number, start: number, size: number): Dense {
  const y = c.make(
    x.dtype,
    x.shape.map((d, i) => (i === axis ? size : d)),
  );
  const strides = stridesOf(x.shape);
  walk(x.data, y.data, y.shape, strides, start * strides[axis]!);
  return y;
}

export const Split: Kernel = (c) => {
  const x = c.input(0);
  const axis = c.axis(c.int('axis', 0), x.shape.length);
  const size = x.shape[axis]!;
  const stated = c.optional(1) ? c.vector(1) : c.ints('split');
  const count = c.int('num_outputs', c.node.outputs.length);
  if (!stated && !(count >= 1 && count <= Math.max(size, c.node.outputs.length)))
    throw c.misfit(`splits into ${count}`, `1 to ${size} parts`);
  const each = Math.ceil(size / count);
  const sizes =
    stated ?? Array.from({ length: count }, (_, i) => Math.min(each, Math.max(0, size - i * each)));
  if (sizes.some((s) => !(s >= 0)) || sizes.reduce((a, b) => a + b, 0) !== size)
    throw c.misfit(`splits ${size} into [${sizes.slice(0, 16)}]`, 'parts that add up to it');
  let at = 0;
  return sizes.map((s) => {
    at += s;
    return part(c, x, axis, at - s, s);
  });
};

export const Slice: Kernel = (c) => {
  const x = c.input(0);
  const [starts, ends] = [c.vector(1), c.vector(2)];
  const axes = c.axes(c.optional(3) ? c.vector(3) : starts.map((_, i) => i), x.shape.length);
  const steps = c.optional(4) ? c.vector(4) : starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length)
    throw c.misfit('has starts, ends, axes and steps of different lengths', 'one of each per axis');
  if (steps.includes(0)) throw c.misfit('has a step of 0', 'steps forwards or backwards');
  const shape = [...x.shape];
  const strides = stridesOf(x.shape);
  let offset = 0;
  for (const [i, axis] of axes.entries()) {
    const { start, count } = resolveSlice(x.shape[axis]!, starts[i]!, ends[i]!, steps[i]!);
    offset += start * strides[axis]!;
    strides[axis]! *= steps[i]!;
    shape[axis] = count;
  }
  const y = c.make(x.dtype, shape);
  walk(x.data, y.data, shape, strides, offset);
  return [y];
};

export const Expand: Kernel = (c) => {
  const x = c.input(0);
  const shape = broadcastShape(c, [x.shape, c.vector(1)]);
  const y = c.make(x.dtype, shape);
  y.data.set(spread(c, x, shape));
  return [y];
};

export const Tile: Kernel = (c) => {
  const x = c.input(0);
  const repeats = c.vector(1);
  if (repeats.length !== x.shape.length)
    throw c.misfit(`has ${repeats.length} repeats`, `one for each of ${x.shape.length} axes`);
  return [
    picked(
      c,
      x,
      x.shape.map((d, i) => indices(c, d * repeats[i]!, (j) => j % d)),
    ),
  ];
};

/** Where an axis' padded positions come from: an index, or −1 for the constant. */
function paddedFrom(mode: string, size: number, i: number): number {
  if (i >= 0 && i < size) return i;
  if (size === 0 || mode === 'constant') return -1;
  if (mode === 'edge') return i < 0 ? 0 : size - 1;
  const modulo = (a: number, b: number) => ((a % b) + b) % b;
  if (mode === 'wrap') return modulo(i, size);
  // Reflection without the border itself has period 2(n − 1).
  const period = Math.max(2 * (size - 1), 1);
  const m = modulo(i, period);
  return Math.min(m, period - m);
}

const MODES: readonly string[] = ['constant', 'edge', 'reflect', 'wrap'];

export const Pad: Kernel = (c) => {
  const x = c.input(0);
  const { length } = x.shape;
  const pads = c.vector(1);
  const axes = c.axes(c.optional(3) ? c.vector(3) : x.shape.map((_, i) => i), length);
  const mode = c.string('mode', 'constant');
  if (pads.length !== 2 * axes.length)
    throw c.misfit(`has ${pads.length} pads`, `two for each of its ${axes.length} axes`);
  if (!MODES.includes(mode)) throw c.unsupported(`has mode ${mode}`, MODES.join(', '));
  const maps = x.shape.map((d, i) => {
    const at = axes.indexOf(i);
    const [before, after] = at < 0 ? [0, 0] : [pads[at]!, pads[at + axes.length]!];
    // Negative pads crop first: what is left is then padded.
    const [cut, kept] = [Math.max(0, -before), d - Math.max(0, -before) - Math.max(0, -after)];
    return indices(c, d + before + after, (j) => {
      const from = paddedFrom(mode, kept, j - Math.max(0, before));
      return from < 0 ? -1 : from + cut;
    });
  });
  return [picked(c, x, maps, c.scalar(2, 0))];
};

/** Centred: what is cut or filled is split evenly, the odd one out at the end. */
export const CenterCropPad: Kernel = (c) => {
  const x = c.input(0);
  const wanted = c.vector(1);
  const axes = c.axes(c.ints('axes') ?? x.shape.map((_, i) => i), x.shape.length);
  if (wanted.length !== axes.length) throw c.misfit(`has ${wanted.length} sizes`, `${axes.length}`);
  const maps = x.shape.map((d, i) => {
    const at = axes.indexOf(i);
    const size = at < 0 ? d : wanted[at]!;
    const shift = size > d ? -Math.floor((size - d) / 2) : Math.floor((d - size) / 2);
    return indices(c, size, (j) => (j + shift >= 0 && j + shift < d ? j + shift : -1));
  });
  return [picked(c, x, maps)];
};

/** Channels, height and width of an image that is cut into blocks. */
function blocks(c: Call): { x: Dense; n: number; channels: number; h: number; w: number; b: number } {
  const x = c.input(0, 4);
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const b = c.int('blocksize', 1);
  if (b < 1) throw c.misfit(`has a blocksize of ${b}`, '1 at least');
  return { x, n, channels, h, w, b };
}

export const DepthToSpace: Kernel = (c) => {
  const { x, n, channels, h, w, b } = blocks(c);
  const depth = channels / (b * b);
  const crd = c.string('mode', 'DCR') === 'CRD';
  const split = c.reshaped(x, crd ? [n, depth, b, b, h, w] : [n, b, b, depth, h, w]);
  return [
    c.reshaped(permuted(c, split, crd ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]), [n, depth, h * b, w * b]),
  ];
};

export const SpaceToDepth: Kernel = (c) => {
  const { x, n, channels, h, w, b } = blocks(c);
  const split = c.reshaped(x, [n, channels, h / b, b, w / b, b]);
  const order = c.string('mode', 'DCR') === 'CRD' ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  return [c.reshaped(permuted(c, split, order), [n, channels * b * b, h / b, w / b])];
};

/** The upper or lower triangle from diagonal `k` on. */
export const Trilu: Kernel = (c) => {
  const x = c.input(0);
  const k = c.scalar(1, 0);
  const upper = c.int('upper', 1) !== 0;
  const [h, w] = x.shape.slice(-2);
  if (h === undefined || w === undefined) throw c.misfit(`got rank ${x.shape.length}`, 'rank 2 at least');
  const y = c.make(x.dtype, x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const distance = (i % w) - (Math.floor(i / w) % h);
    if (upper ? distance >= k : distance <= k) y.data[i] = x.data[i]!;
  }
  return [y];
};

const int64 = (values: readonly number[], shape: readonly number[] = [values.length]): Dense => ({
  dtype: 'int64',
  shape,
  data: Float64Array.from(values),
});

export const Shape: Kernel = (c) => {
  const { shape } = c.input(0);
  return [int64(shape.slice(c.int('start', 0), c.int('end', shape.length)))];
};

export const Size: Kernel = (c) => [int64([c.input(0).data.length], [])];

export const Constant: Kernel = (c) => {
  const value = constantOf(c.node);
  if (!value) throw c.misfit('holds no dense tensor', 'value, value_float(s) or value_int(s)');
  return [denseOf(value)];
};

export const ConstantOfShape: Kernel = (c) => {
  const a = c.node.attributes.get('value');
  const value = a?.type === 'tensor' ? denseOf(a.value) : undefined;
  const y = c.make(value?.dtype ?? 'float32', c.vector(0));
  y.data.fill(value?.data[0] ?? 0);
  return [y];
};
