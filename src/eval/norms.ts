import type { Norm } from './threat.ts';

/** ‖v‖ of a row, in float64. */
type Length = (v: Float32Array, from: number, size: number) => number;

/** ‖a − b‖ of two rows that start at the same place, in float64. */
type Distance = (a: Float32Array, b: Float32Array, from: number, size: number) => number;

export const lengths: Readonly<Record<Norm, Length>> = {
  linf(v, from, size) {
    let largest = 0;
    for (let i = from; i < from + size; i++) {
      const length = Math.abs(v[i]!);
      if (length > largest) largest = length;
    }
    return largest;
  },
  l2(v, from, size) {
    let square = 0;
    for (let i = from; i < from + size; i++) square += v[i]! * v[i]!;
    return Math.sqrt(square);
  },
  l1(v, from, size) {
    let sum = 0;
    for (let i = from; i < from + size; i++) sum += Math.abs(v[i]!);
    return sum;
  },
};

export const distances: Readonly<Record<Norm, Distance>> = {
  linf(a, b, from, size) {
    let largest = 0;
    for (let i = from; i < from + size; i++) {
      const length = Math.abs(a[i]! - b[i]!);
      if (length > largest) largest = length;
    }
    return largest;
  },
  l2(a, b, from, size) {
    let square = 0;
    for (let i = from; i < from + size; i++) square += (a[i]! - b[i]!) * (a[i]! - b[i]!);
    return Math.sqrt(square);
  },
  l1(a, b, from, size) {
    let sum = 0;
    for (let i = from; i < from + size; i++) sum += Math.abs(a[i]! - b[i]!);
    return sum;
  },
};

/** The norm that measures gradients where a norm measures images: a hyperplane w·x = b is |w·x − b|/‖w‖ away in it. */
export const dual: Readonly<Record<Norm, Norm>> = { linf: 'l1', l2: 'l2', l1: 'linf' };
