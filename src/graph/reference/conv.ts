import { settled } from './convert.ts';
import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { three, volume, type Window, windowAttributes, windowOf } from './window.ts';

/**
 * Visits every pair of an input and an output position that one tap (of offsets kd, kh, kw) of a window joins:
 * `row(x, y, count, step)` is a run along the last axis, `step` apart in the input and 1 in the output.
 */
function runs(
  w: Window,
  tap: readonly [number, number, number],
  row: (x: number, y: number, count: number, step: number) => void,
): void {
  const [depth, height, width] = w.size;
  const [outDepth, outHeight, outWidth] = w.out;
  const [sd, sh, sw] = w.strides;
  const offset = tap.map((k, a) => k * w.dilations[a]! - w.before[a]!) as [number, number, number];
  const from = Math.max(0, Math.ceil(-offset[2] / sw));
  const to = Math.min(outWidth, Math.floor((width - 1 - offset[2]) / sw) + 1);
  if (to <= from) return;
  for (let od = 0; od < outDepth; od++) {
    const d = od * sd + offset[0];
    if (d < 0 || d >= depth) continue;
    for (let oh = 0; oh < outHeight; oh++) {
      const h = oh * sh + offset[1];
      if (h < 0 || h >= height) continue;
      const x = (d * height + h) * width + from * sw + offset[2];
      row(x, (od * outHeight + oh) * outWidth + from, to - from, sw);
    }
  }
}

/** Calls `visit` for every tap, with its place in a kernel. */
function everyTap(w: Window, visit: (tap: [number, number, number], k: number) => void): void {
  let k = 0;
  for (let kd = 0; kd < w.kernel[0]; kd++)
    for (let kh = 0; kh < w.kernel[1]; kh++)
      for (let kw = 0; kw < w.kernel[2]; kw++) visit([kd, kh, kw], k++);
}

function groupsOf(c: Call, channels: number, multiple: number): number {
  const group = c.int('group', 1);
  if (group < 1 || channels % group !== 0 || multiple % group !== 0)
    throw c.misfit(`has ${channels} channels in ${group} groups`, 'channels that divide into its groups');
  return group;
}

/** Adds b[m] to every element of channel m. */
function addBias(c: Call, y: Dense, bias: Dense | undefined): void {
  if (!bias) return;
  const channels = y.shape[1]!;
  if (bias.data.length !== channels)
    throw c.misfit(`got a bias of shape [${bias.shape.join(', ')}]`, `[${channels}]`);
  const inner = elements(y.shape.slice(2));
  for (let i = 0; i < y.data.length; i++) y.data[i]! += bias.data[Math.floor(i / inner) % channels]!;
}

/** y[n, m, o] = b[m] + Σ_{c, k} w[m, c, k] · x[n, c, s·o + d·k − p], over the channels of m's group. */
export const Conv: Kernel = (c) => {
  const [x, weight, bias] = [c.input(0), c.input(1), c.optional(2)];
  if (weight.shape.length !== x.shape.length)
    throw c.misfit(`got a weight of rank ${weight.shape.length}`, `rank ${x.shape.length}`);
  const w = windowOf(c, x, weight.shape.slice(2));
  const [batch, channels] = x.shape as [number, number];
  const [maps, depth] = weight.shape as [number, number];
  const group = groupsOf(c, channels, maps);
  if (depth * group !== channels)
    throw c.misfit(`got ${channels} channels`, `${depth * group} for its weight`);
  const y = c.make(x.dtype, [batch, maps, ...w.out.slice(3 - w.rank)]);
  c.steps(y.data.length * depth * volume(w.kernel));
  const [inSize, outSize, taps] = [volume(w.size), volume(w.out), volume(w.kernel)];
  everyTap(w, (tap, k) => {
    runs(w, tap, (from, to, count, step) => {
      for (let n = 0; n < batch; n++)
        for (let m = 0; m < maps; m++) {
          const first = Math.floor((m * group) / maps) * depth;
          for (let i = 0; i < depth; i++) {
            const value = weight.data[(m * depth + i) * taps + k]!;
            let xAt = (n * channels + first + i) * inSize + from;
            let yAt = (n * maps + m) * outSize + to;
            for (let j = 0; j < count; j++, xAt += step, yAt++) y.data[yAt]! += value * x.data[xAt]!;
          }
        }
    });
  });
  addBias(c, y, bias);
  return [y];
};

/**
 * The window of a transposed convolution, seen from its output: what Conv would read from it to give its input.
 * With `output_shape` or SAME the pads follow; the odd one goes first, but for SAME_UPPER.
 */
function transposedWindow(c: Call, x: Dense, weightKernel: readonly number[]): Window {
  const { kernel, strides, dilations, pads, auto } = windowAttributes(c, x, weightKernel);
  const size = x.shape.slice(2);
  const rank = size.length;
  const extra = c.ints('output_padding') ?? size.map(() => 0);
  const stated = c.ints('output_shape')?.slice(-rank);
  if (extra.length !== rank || (stated && stated.length !== rank))
    throw c.misfit('has output_padding or output_shape of another length', `${rank}`);
  const [before, after] = [pads.slice(0, rank), pads.slice(rank)];
  const out = size.map((n, a) => {
    const full = strides[a]! * (n - 1) + extra[a]! + dilations[a]! * (kernel[a]! - 1) + 1;
    if (!stated && !auto.startsWith('SAME')) return full - before[a]! - after[a]!;
    const wanted = stated?.[a] ?? n * strides[a]!;
    const total = Math.max(0, full - wanted);
    before[a] = auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
    after[a] = total - before[a]!;
    // A kernel smaller than its stride cannot fill what SAME asks for: engines give what it does fill.
    return stated ? wanted : Math.min(wanted, full);
  });
  return {
    rank,
    size: three(out, 1),
    kernel: three(kernel, 1),
    strides: three(strides, 1),
    dilations: three(dilations, 1),
    before: three(before, 0),
    after: three(after, 0),
    out: three(size, 1),
  };
}

/** y[n, m, s·i + d·k − p] += w[c, m, k] · x[n, c, i]: the transpose of Conv, plus a bias. */
export const ConvTranspose: Kernel = (c) => {
  const [x, weight, bias] = [c.input(0), c.input(1), c.optional(2)];
  if (weight.shape.length !== x.shape.length)
    throw c.misfit(`got a weight of rank ${weight.shape.length}`, `rank ${x.shape.length}`);
  const w = transposedWindow(c, x, weight.shape.slice(2));
  const [batch, channels] = x.shape as [number, number];
  const depth = weight.shape[1]!;
  const group = groupsOf(c, channels, channels);
  if (weight.shape[0] !== channels) throw c.misfit(`got ${channels} channels`, `${weight.shape[0]}`);
  const maps = depth * group;
  const y = c.make(x.dtype, [batch, maps, ...w.size.slice(3 - w.rank)]);
  c.steps(x.data.length * depth * volume(w.kernel));
  const [inSize, outSize, taps] = [volume(w.out), volume(w.size), volume(w.kernel)];
  everyTap(w, (tap, k) => {
    runs(w, tap, (to, from, count, step) => {
      for (let n = 0; n < batch; n++)
        for (let i = 0; i < channels; i++) {
          const first = Math.floor((i * group) / channels) * depth;
          for (let m = 0; m < depth; m++) {
            const value = weight.data[(i * depth + m) * taps + k]!;
            let xAt = (n * channels + i) * inSize + from;
            let yAt = (n * maps + first + m) * outSize + to;
            for (let j = 0; j < count; j++, xAt++, yAt += step) y.data[yAt]! += value * x.data[xAt]!;
          }
        }
    });
  });
  addBias(c, y, bias);
  return [settled(y)];
};

/** Columns [N, C·K, L] added up where they came from in [N, C, …image_shape]: the transpose of im2col. */
export const Col2Im: Kernel = (c) => {
  const x = c.input(0, 3);
  const [image, block] = [c.vector(1), c.vector(2)];
  const [batch, rows, columns] = x.shape as [number, number, number];
  const channels = rows / elements(block);
  const y = c.make(x.dtype, [batch, channels, ...image]);
  const w = windowOf(c, y, block);
  if (volume(w.out) !== columns) throw c.misfit(`got ${columns} columns`, `${volume(w.out)}`);
  const [size, taps] = [volume(w.size), volume(w.kernel)];
  everyTap(w, (tap, k) => {
    runs(w, tap, (to, from, count, step) => {
      for (let n = 0; n < batch; n++)
        for (let i = 0; i < channels; i++)
          for (let j = 0; j < count; j++)
            y.data[(n * channels + i) * size + to + j * step]! +=
              x.data[((n * channels + i) * taps + k) * columns + from + j]!;
    });
  });
  return [y];
};
