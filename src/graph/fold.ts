import { float32 } from './attributes.ts';
import type { Tensor } from './ir.ts';
import { resolveSlice } from './shapes/layout.ts';

/**
 * Layout operations on constants, so that a gradient graph holds flipped, sliced and transposed weights as
 * initializers: onnxruntime then prepacks them, and its blocked convolutions stay in their layout.
 */

type FloatTensor = Tensor<Float32Array>;

const isFloat32 = (t: Tensor): t is FloatTensor => t.data instanceof Float32Array;

const stridesOf = (shape: readonly number[]): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
};

/** Gathers `shape` elements walking the source with the given stride per axis (which may be negative). */
function walk(
  source: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): Float32Array {
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const axes = merged(shape, strides);
  const last = axes.length - 1;
  let at = 0;
  const visit = (axis: number, from: number): void => {
    const { size, stride } = axes[axis]!;
    if (axis === last) for (let i = 0, f = from; i < size; i++, f += stride) out[at++] = source[f]!;
    else for (let i = 0, f = from; i < size; i++, f += stride) visit(axis + 1, f);
  };
  visit(0, offset);
  return out;
}

/** Joins neighbouring axes that one stride walks through, so that the innermost loop is long. */
function merged(shape: readonly number[], strides: readonly number[]): { size: number; stride: number }[] {
  const axes: { size: number; stride: number }[] = [];
  for (const [i, size] of shape.entries()) {
    const stride = strides[i]!;
    const previous = axes.at(-1);
    if (size === 1) continue;
    if (previous && previous.stride === stride * size) {
      previous.size *= size;
      previous.stride = stride;
    } else axes.push({ size, stride });
  }
  return axes.length > 0 ? axes : [{ size: shape.includes(0) ? 0 : 1, stride: 1 }];
}

export function transposed(t: FloatTensor, perm: readonly number[]): FloatTensor {
  const strides = stridesOf(t.shape);
  const shape = perm.map((p) => t.shape[p]!);
  return float32(
    walk(
      t.data,
      shape,
      perm.map((p) => strides[p]!),
      0,
    ),
    shape,
  );
}

export interface AxisSlice {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export function sliced(t: FloatTensor, slices: readonly AxisSlice[]): FloatTensor {
  const shape = [...t.shape];
  const strides = stridesOf(t.shape);
  let offset = 0;
  for (const { axis, start, end, step } of slices) {
    const { start: from, count } = resolveSlice(t.shape[axis]!, start, end, step);
    offset += from * strides[axis]!;
    strides[axis] = strides[axis]! * step;
    shape[axis] = count;
  }
  return float32(walk(t.data, shape, strides, offset), shape);
}

export function concatenated(parts: readonly FloatTensor[], axis: number): FloatTensor {
  const first = parts[0]!;
  const shape = [...first.shape];
  shape[axis] = parts.reduce((n, p) => n + p.shape[axis]!, 0);
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const p of parts) {
      const block = p.data.length / outer;
      data.set(p.data.subarray(o * block, (o + 1) * block), at);
      at += block;
    }
  }
  return float32(data, shape);
}

export function zeroPadded(t: FloatTensor, before: readonly number[], after: readonly number[]): FloatTensor {
  const shape = t.shape.map((d, i) => d + before[i]! + after[i]!);
  const strides = stridesOf(shape);
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let at = 0;
  const visit = (axis: number, to: number): void => {
    if (axis === shape.length) {
      data[to] = t.data[at++]!;
      return;
    }
    for (let i = 0; i < t.shape[axis]!; i++) visit(axis + 1, to + (i + before[axis]!) * strides[axis]!);
  };
  visit(0, 0);
  return float32(data, shape);
}

export const asFloat32 = (t: Tensor | undefined): FloatTensor | undefined =>
  t && isFloat32(t) ? t : undefined;
