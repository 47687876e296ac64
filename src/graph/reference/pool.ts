import { rangeOf } from '../data-types.ts';
import type { Call, Dense, Kernel } from './kernel.ts';
import { taps, volume, type Window, windowOf } from './window.ts';

/** Where an output position's window begins, and which of its taps lie in the image. */
interface Visit {
  readonly start: [number, number, number];
  readonly from: [number, number, number];
  readonly to: [number, number, number];
}

const AXES = [0, 1, 2] as const;

/** Calls `visit` for every position of one map's output. The visit is one object, filled anew. */
function positions(w: Window, visit: (at: Visit, o: number) => void): void {
  const at: Visit = { start: [0, 0, 0], from: [0, 0, 0], to: [0, 0, 0] };
  const place = (axis: 0 | 1 | 2, o: number): void => {
    at.start[axis] = o * w.strides[axis] - w.before[axis];
    const { from, to } = taps(w, axis, at.start[axis], w.size[axis]);
    at.from[axis] = from;
    at.to[axis] = to;
  };
  let o = 0;
  for (let d = 0; d < w.out[0]; d++) {
    place(0, d);
    for (let h = 0; h < w.out[1]; h++) {
      place(1, h);
      for (let x = 0; x < w.out[2]; x++) {
        place(2, x);
        visit(at, o++);
      }
    }
  }
}

/** Calls `tap` with the position, within its map, of every tap of a window that lies in the image. */
function inside(w: Window, { start, from, to }: Visit, tap: (i: number) => void): void {
  const [, height, width] = w.size;
  const [dd, dh, dw] = w.dilations;
  for (let kd = from[0]; kd < to[0]; kd++)
    for (let kh = from[1]; kh < to[1]; kh++) {
      const row = ((start[0] + kd * dd) * height + start[1] + kh * dh) * width + start[2];
      for (let kw = from[2]; kw < to[2]; kw++) tap(row + kw * dw);
    }
}

/** A pooling's window, its output, and the number of its maps. */
function pooling(c: Call): { x: Dense; y: Dense; w: Window; maps: number } {
  const x = c.input(0);
  const w = windowOf(c, x);
  const [batch, channels] = x.shape as [number, number];
  const y = c.make(x.dtype, [batch, channels, ...w.out.slice(3 - w.rank)]);
  // Of a kernel only what lies in the image is visited.
  c.steps(
    y.data.length * volume(w.kernel.map((k, a) => Math.min(k, w.size[a]!)) as [number, number, number]),
  );
  return { x, y, w, maps: batch * channels };
}

/** The largest of each window, the first of equals, and where in the whole input it lies. */
export const MaxPool: Kernel = (c) => {
  const { x, y, w, maps } = pooling(c);
  const where = c.make('int64', y.shape);
  const columnMajor = c.int('storage_order', 0) !== 0;
  const [size, out] = [volume(w.size), volume(w.out)];
  const [depth, height, width] = w.size;
  const least = rangeOf(x.dtype)?.[0] ?? -Infinity;
  for (let m = 0; m < maps; m++)
    positions(w, (visit, o) => {
      let [so, at] = [least, -1];
      inside(w, visit, (i) => {
        const v = x.data[m * size + i]!;
        if (at < 0 || v > so || Number.isNaN(v)) [so, at] = [v, i];
      });
      y.data[m * out + o] = so;
      const [d, h, v] = [Math.floor(at / (height * width)), Math.floor(at / width) % height, at % width];
      where.data[m * out + o] = m * size + (columnMajor ? (v * height + h) * depth + d : at);
    });
  return [y, where];
};

/**
 * The mean of each window over what lies in the image, or, with `count_include_pad`, in the image and its pads (what
 * ceil_mode adds after them is never counted).
 */
export const AveragePool: Kernel = (c) => {
  const { x, y, w, maps } = pooling(c);
  const countPads = c.int('count_include_pad', 0) !== 0;
  const [size, out] = [volume(w.size), volume(w.out)];
  for (let m = 0; m < maps; m++)
    positions(w, (visit, o) => {
      let sum = 0;
      inside(w, visit, (i) => {
        sum += x.data[m * size + i]!;
      });
      let count = 1;
      for (const a of AXES) {
        const padded = taps(w, a, visit.start[a] + w.before[a], w.before[a] + w.size[a] + w.after[a]);
        count *= countPads ? padded.to - padded.from : visit.to[a] - visit.from[a];
      }
      y.data[m * out + o] = sum / count;
    });
  return [y];
};

/** (Σ |x|ᵖ)^(1/p) over each window. */
export const LpPool: Kernel = (c) => {
  const { x, y, w, maps } = pooling(c);
  const p = c.int('p', 2);
  const [size, out] = [volume(w.size), volume(w.out)];
  for (let m = 0; m < maps; m++)
    positions(w, (visit, o) => {
      let sum = 0;
      inside(w, visit, (i) => {
        sum += Math.abs(x.data[m * size + i]!) ** p;
      });
      y.data[m * out + o] = sum ** (1 / p);
    });
  return [y];
};
