import { float, floatOf, intOf, intsOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Node } from '../ir.ts';
import {
  axesFrom,
  axisWithin,
  bounded,
  fixedDim,
  floatInput,
  inputOf,
  malformed,
  meanOver,
  shapeOfRank,
  square,
  sumOver,
  unsupported,
} from './parts.ts';
import type { Rewrite } from './rewrite.ts';

/** A vector of one value per channel, to be broadcast over an [N, C, …] value of the given rank. */
const perChannel = (b: GraphBuilder, vector: Value, channels: number, rank: number): Value =>
  b.reshape(vector, [channels, ...new Array<number>(rank - 2).fill(1)]);

// γ·(x − μ)/√(σ² + ε) + β, with μ and σ² per sample and group of channels (arXiv:1803.08494): instances of groups
export const GroupNormalization: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const shape = shapeOfRank(b, n, x, 3, 8);
  const channels = fixedDim(n, shape[1], 'its number of channels');
  const groups = intOf(n, 'num_groups', 0);
  if (!(groups >= 1) || channels % groups !== 0)
    throw malformed(n, `has ${groups} groups of ${channels} channels`, 'groups of equal size');
  bounded(b, n, 2 * groups, 'scales and biases');
  const epsilon = float(floatOf(n, 'epsilon', 1e-5));
  const [scale, bias] = [floatInput(b, n, 1), floatInput(b, n, 2)];
  if (groups === channels) return [b.op('InstanceNormalization', [x, scale, bias], { epsilon })];
  const ones = b.floats(new Float32Array(groups).fill(1));
  const zeros = b.floats(new Float32Array(groups));
  const grouped = b.op('InstanceNormalization', [b.reshape(x, [0, groups, -1]), ones, zeros], { epsilon });
  const normalised = b.reshapeLike(grouped, x);
  const scaled = b.op('Mul', [normalised, perChannel(b, scale, channels, shape.length)]);
  return [b.op('Add', [scaled, perChannel(b, bias, channels, shape.length)])];
};

// x/(k + α/n·Σ x²)^β, over the n channels around each: the sum is a 1×1 convolution with a band matrix
export const LRN: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const shape = shapeOfRank(b, n, x, 3, 5);
  const channels = fixedDim(n, shape[1], 'its number of channels');
  const size = intOf(n, 'size', 0);
  if (size < 1) throw malformed(n, `has size ${size}`, 'at least 1');
  bounded(b, n, channels * channels, 'a band matrix');
  const band = new Float32Array(channels * channels);
  const alpha = floatOf(n, 'alpha', 1e-4) / size;
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  for (let c = 0; c < channels; c++)
    for (let i = Math.max(0, c - before); i <= Math.min(channels - 1, c + after); i++)
      band[c * channels + i] = alpha;
  const weight = b.floats(band, [channels, channels, ...new Array<number>(shape.length - 2).fill(1)]);
  const offset = b.floats(new Float32Array(channels).fill(floatOf(n, 'bias', 1)));
  const sum = b.op('Conv', [square(b, x), weight, offset]);
  return [b.op('Div', [x, b.op('Pow', [sum, b.scalar(floatOf(n, 'beta', 0.75))])])];
};

// x/‖x‖ along one axis; 0 where the norm is 0
export const LpNormalization: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const axis = axisWithin(n, intOf(n, 'axis', -1), b.shape(x).length);
  const p = intOf(n, 'p', 2);
  if (p !== 1 && p !== 2) throw malformed(n, `has p = ${p}`, '1 or 2');
  const norm =
    p === 1 ? sumOver(b, b.op('Abs', [x]), [axis]) : b.op('ReduceL2', [x, b.ints([axis])], { keepdims: 1 });
  const safe = b.op('Where', [b.op('Equal', [norm, b.scalar(0)]), b.scalar(1), norm]);
  return [b.op('Div', [x, safe])];
};

// (x − μ)/(σ + 1e-9), with μ and σ over `axes`
export const MeanVarianceNormalization: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const axes = (intsOf(n, 'axes') ?? [0, 2, 3]).map((a) => axisWithin(n, a, b.shape(x).length));
  const centred = b.op('Sub', [x, meanOver(b, x, axes)]);
  const deviation = b.op('Sqrt', [meanOver(b, square(b, centred), axes)]);
  return [b.op('Div', [centred, b.op('Add', [deviation, b.scalar(1e-9)])])];
};

// γ·x/√(mean(x²) + ε), over the axes from `axis` on (arXiv:1910.07467)
export const RMSNormalization: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const rank = b.shape(x).length;
  const axes = axesFrom(axisWithin(n, intOf(n, 'axis', -1), rank), rank);
  const epsilon = b.scalar(floatOf(n, 'epsilon', 1e-5));
  const rms = b.op('Sqrt', [b.op('Add', [meanOver(b, square(b, x), axes), epsilon])]);
  return [b.op('Mul', [b.op('Div', [x, rms]), floatInput(b, n, 1)])];
};

/** Whether output `i` of a node has a name. */
const wants = (n: Node, i: number): boolean => !!n.outputs[i];

// LayerNormalization(x + skip + bias); the fourth output is that sum
export const SkipLayerNormalization: Rewrite = (b, n) => {
  if (wants(n, 1) || wants(n, 2))
    throw unsupported(n, 'its mean or deviation is an output', 'the normalised value, and the sum, only');
  const sum = b.op('Add', [floatInput(b, n, 0), inputOf(n, 1)]);
  const x = n.inputs[4] ? b.op('Add', [sum, n.inputs[4]]) : sum;
  const inputs = [x, floatInput(b, n, 2), ...(n.inputs[3] ? [n.inputs[3]] : [])];
  const y = b.op('LayerNormalization', inputs, { axis: -1, epsilon: float(floatOf(n, 'epsilon', 1e-12)) });
  return [y, '', '', x];
};
