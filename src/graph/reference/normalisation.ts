import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { norm, reducedOver } from './reduce.ts';
import { along, spread } from './strides.ts';

/** Mean and (population) variance. */
function moments(row: Float64Array): { mean: number; variance: number } {
  let sum = 0;
  for (const v of row) sum += v;
  const mean = sum / row.length;
  let squares = 0;
  for (const v of row) squares += (v - mean) ** 2;
  return { mean, variance: squares / row.length };
}

/** A parameter with one value per channel. */
function perChannel(c: Call, i: number, channels: number): Float64Array {
  const { data, shape } = c.input(i);
  if (data.length !== channels)
    throw c.misfit(`got shape [${shape.join(', ')}] as its input ${i}`, `[${channels}]`);
  return data;
}

function channelled(c: Call): { x: Dense; channels: number; inner: number } {
  const x = c.input(0);
  if (x.shape.length < 2) throw c.misfit(`got rank ${x.shape.length}`, 'rank 2 at least');
  return { x, channels: x.shape[1]!, inner: elements(x.shape.slice(2)) };
}

/**
 * (x − μ)/√(σ² + ε)·γ + β with one of each per channel. In training mode μ and σ² are those of the batch, and the
 * running ones, momentum·running + (1 − momentum)·batch, are the other outputs.
 */
export const BatchNormalization: Kernel = (c) => {
  const x = c.input(0);
  const channels = x.shape[1] ?? 1;
  const inner = elements(x.shape.slice(2));
  const [gamma, beta] = [perChannel(c, 1, channels), perChannel(c, 2, channels)];
  const [runningMean, runningVariance] = [perChannel(c, 3, channels), perChannel(c, 4, channels)];
  const epsilon = c.float('epsilon', 1e-5);
  const y = c.make(x.dtype, x.shape);
  const means = c.make(x.dtype, [channels]);
  const variances = c.make(x.dtype, [channels]);
  const training = c.int('training_mode', 0) !== 0;
  const batch = x.data.length / Math.max(channels * inner, 1);
  const line = new Float64Array(training ? batch * inner : 0);
  for (let m = 0; m < channels; m++) {
    let [mean, variance] = [runningMean[m]!, runningVariance[m]!];
    if (training) {
      for (let i = 0; i < line.length; i++)
        line[i] = x.data[(Math.floor(i / inner) * channels + m) * inner + (i % inner)]!;
      const momentum = c.float('momentum', 0.9);
      const so = moments(line);
      means.data[m] = momentum * mean + (1 - momentum) * so.mean;
      variances.data[m] = momentum * variance + (1 - momentum) * so.variance;
      ({ mean, variance } = so);
    }
    const scale = gamma[m]! / Math.sqrt(variance + epsilon);
    for (let n = 0; n < batch; n++)
      for (let i = (n * channels + m) * inner, end = i + inner; i < end; i++)
        y.data[i] = (x.data[i]! - mean) * scale + beta[m]!;
  }
  return training ? [y, means, variances] : [y];
};

/** Normalises rows of `count` elements, then γ·x̂ + β with the parameters of each element's channel. */
function inGroups(c: Call, count: number, epsilon: number): Dense {
  const { x, channels, inner } = channelled(c);
  const [gamma, beta] = [perChannel(c, 1, channels), perChannel(c, 2, channels)];
  const y = c.make(x.dtype, x.shape);
  for (let at = 0; at < x.data.length; at += count) {
    const { mean, variance } = moments(x.data.subarray(at, at + count));
    const scale = 1 / Math.sqrt(variance + epsilon);
    for (let i = at; i < at + count; i++) {
      const m = Math.floor(i / inner) % channels;
      y.data[i] = (x.data[i]! - mean) * scale * gamma[m]! + beta[m]!;
    }
  }
  return y;
}

export const InstanceNormalization: Kernel = (c) => [
  inGroups(c, channelled(c).inner, c.float('epsilon', 1e-5)),
];

/** Each of the groups of channels of a sample normalised; scale and bias are per channel. */
export const GroupNormalization: Kernel = (c) => {
  const { channels, inner } = channelled(c);
  const groups = c.int('num_groups', 0);
  if (groups < 1 || channels % groups !== 0)
    throw c.misfit(`has ${channels} channels in ${groups} groups`, 'channels that divide into its groups');
  return [inGroups(c, (channels / groups) * inner, c.float('epsilon', 1e-5))];
};

/** How long the rows are that are normalised from `axis` on, and the shape of one statistic for each. */
function trailing(c: Call, x: Dense): { count: number; kept: number[] } {
  const axis = c.axis(c.int('axis', -1), x.shape.length);
  return { count: elements(x.shape.slice(axis)), kept: x.shape.map((d, i) => (i < axis ? d : 1)) };
}

/** (x − μ)/√(σ² + ε)·γ + β over the axes from `axis` on; then μ and 1/√(σ² + ε). */
export const LayerNormalization: Kernel = (c) => {
  const [x, scale, bias] = [c.input(0), c.input(1), c.optional(2)];
  const { count, kept } = trailing(c, x);
  return layerNormalised(c, x, { scale, bias, count, kept, epsilon: c.float('epsilon', 1e-5) });
};

export function layerNormalised(
  c: Call,
  x: Dense,
  p: {
    readonly scale: Dense;
    readonly bias: Dense | undefined;
    readonly count: number;
    readonly kept: readonly number[];
    readonly epsilon: number;
  },
): Dense[] {
  const y = c.make(x.dtype, x.shape);
  const [means, scales] = [c.make(x.dtype, p.kept), c.make(x.dtype, p.kept)];
  // Scale and bias may broadcast against the whole input, not only against what is normalised.
  const gamma = spread(c, p.scale, x.shape);
  const beta = p.bias && spread(c, p.bias, x.shape);
  for (let r = 0; r < means.data.length; r++) {
    const { mean, variance } = moments(x.data.subarray(r * p.count, (r + 1) * p.count));
    means.data[r] = mean;
    scales.data[r] = 1 / Math.sqrt(variance + p.epsilon);
    for (let i = r * p.count; i < (r + 1) * p.count; i++)
      y.data[i] = (x.data[i]! - mean) * scales.data[r]! * gamma[i]! + (beta?.[i] ?? 0);
  }
  return [y, means, scales];
}

/** x/√(mean x² + ε)·γ over the axes from `axis` on. */
export const RMSNormalization: Kernel = (c) => {
  const [x, scale] = [c.input(0), c.input(1)];
  const { count } = trailing(c, x);
  const epsilon = c.float('epsilon', 1e-5);
  const gamma = spread(c, scale, x.shape);
  const y = c.make(x.dtype, x.shape);
  for (let at = 0; at < x.data.length; at += count) {
    let squares = 0;
    for (let i = at; i < at + count; i++) squares += x.data[i]! ** 2;
    const factor = 1 / Math.sqrt(squares / count + epsilon);
    for (let i = at; i < at + count; i++) y.data[i] = x.data[i]! * factor * gamma[i]!;
  }
  return [y];
};

/** x/(bias + α/size·Σ x²)^β, the sum over `size` neighbouring channels. */
export const LRN: Kernel = (c) => {
  const { x, channels } = channelled(c);
  const size = c.int('size', 0);
  if (size < 1) throw c.misfit(`has a size of ${size}`, '1 at least');
  const [alpha, beta, bias] = [c.float('alpha', 1e-4), c.float('beta', 0.75), c.float('bias', 1)];
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const y = along(c, x, 1, channels, (line, out) => {
    for (let i = 0; i < channels; i++) {
      let squares = 0;
      for (let k = Math.max(0, i - before); k <= Math.min(channels - 1, i + after); k++)
        squares += line[k]! ** 2;
      out[i] = line[i]! / (bias + (alpha / size) * squares) ** beta;
    }
  });
  return [y];
};

/** x/‖x‖ₚ along an axis, and 0 where the norm is. */
export const LpNormalization: Kernel = (c) => {
  const x = c.input(0);
  const axis = c.axis(c.int('axis', -1), x.shape.length);
  const size = norm(c.int('p', 2));
  const y = along(c, x, axis, x.shape[axis]!, (line, out) => {
    const n = size(line);
    for (let i = 0; i < line.length; i++) out[i] = n === 0 ? 0 : line[i]! / n;
  });
  return [y];
};

/** (x − μ)/(σ + 1e-9) over `axes`. */
export const MeanVarianceNormalization: Kernel = (c) => {
  const x = c.input(0);
  const axes = c.axes(c.ints('axes') ?? [0, 2, 3], x.shape.length);
  const mean = spread(
    c,
    reducedOver(c, x, axes, true, (row) => moments(row).mean),
    x.shape,
  );
  const variance = spread(
    c,
    reducedOver(c, x, axes, true, (row) => moments(row).variance),
    x.shape,
  );
  const y = c.make(x.dtype, x.shape);
  for (let i = 0; i < x.data.length; i++)
    y.data[i] = (x.data[i]! - mean[i]!) / (Math.sqrt(variance[i]!) + 1e-9);
  return [y];
};
