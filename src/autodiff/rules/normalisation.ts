import { float, floatOf, intOf, type Node, type Value } from '../../graph/index.ts';
import { axisOf, fixedDims, type Rule, refuse, type Tape } from '../tape.ts';

/** A per-channel vector as `[C, 1, …]`, to broadcast against `[N, C, …]`. */
function perChannel(t: Tape, v: Value, like: Value): Value {
  const spatial = t.shape(like).length - 2;
  return t.b.reshape(v, [-1, ...new Array<number>(spatial).fill(1)]);
}

/**
 * y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε).
 *
 * Inference, where μ and σ² are given: dx = g·γ/√(σ² + ε), dμ = −Σ dx, dσ² = −½·Σ g·x̂·γ/(σ² + ε).
 * Training, where they are the batch's: dx = γ/√(σ² + ε) · (g − mean g − x̂·mean(g·x̂)), means over N and space.
 * Both: dγ = Σ g·x̂, dβ = Σ g. The running statistics that training mode puts out are not differentiated.
 */
export const BatchNormalization: Rule = (t, node, [g]) => {
  if (!g) throw refuse(node, 'has its running statistics used');
  const [x, gamma, , mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
  const training = intOf(node, 'training_mode', 0) === 1;
  const axes = t.shape(x).flatMap((_, i) => (i === 1 ? [] : [i]));
  const mu = training ? t.mean(x, axes) : perChannel(t, mean, x);
  const centred = t.sub(x, mu);
  const sigma2 = training ? t.mean(t.mul(centred, centred), axes) : perChannel(t, variance, x);
  const sigma = t.b.op('Sqrt', [t.add(sigma2, t.b.scalar(floatOf(node, 'epsilon', 1e-5)))]);
  const normal = t.div(centred, sigma);
  const scale = t.div(perChannel(t, gamma, x), sigma);
  return t.each(
    node,
    () => (training ? t.mul(withoutDrift(t, g, normal, axes), scale) : t.mul(g, scale)),
    () => t.sum(t.mul(g, normal), axes, false),
    () => t.sum(g, axes, false),
    () => (training ? undefined : t.b.reshapeLike(t.neg(t.sum(t.mul(g, scale), axes)), mean)),
    () => {
      if (training) return undefined;
      const share = t.mul(t.div(scale, sigma), -0.5);
      return t.b.reshapeLike(t.mul(t.sum(t.mul(g, normal), axes), share), variance);
    },
  );
};

/** ĝ − mean ĝ − x̂·mean(ĝ·x̂): what is left of a gradient once the mean and the deviation follow x. */
function withoutDrift(t: Tape, g: Value, normal: Value, axes: readonly number[]): Value {
  const drift = t.mul(normal, t.mean(t.mul(g, normal), axes));
  return t.sub(t.sub(g, t.mean(g, axes)), drift);
}

/** x̂ and 1/√(σ² + ε) over the axes from `axis` on, in one operator. */
function normalised(t: Tape, node: Node, x: Value, axis: number): { normal: Value; inverse: Value } {
  const sizes = fixedDims(node, t.shape(x).slice(axis));
  const ones = t.table(node, sizes, (data) => data.fill(1));
  const epsilon = float(floatOf(node, 'epsilon', 1e-5));
  const [normal, , inverse] = t.b.ops('LayerNormalization', [x, ones], { axis, epsilon }, 3);
  return { normal: normal!, inverse: inverse! };
}

/**
 * y = γ·x̂ + β over the last axes: dx = (ĝ − mean ĝ − x̂·mean(ĝ·x̂))/σ with ĝ = g·γ; dγ = Σ g·x̂, dβ = Σ g.
 *
 * The outputs μ and s = 1/σ may be differentiated, too: dμ = 1/n, ds = −s²·x̂/n.
 */
export const LayerNormalization: Rule = (t, node, [g, gMean, gInverse]) => {
  const [x, gamma, beta] = node.inputs as [Value, Value, Value?];
  const rank = t.shape(x).length;
  const axis = axisOf(node, rank, -1);
  const axes = Array.from({ length: rank - axis }, (_, i) => axis + i);
  const { normal, inverse } = normalised(t, node, x, axis);
  const count = axes.reduce((n, a) => n * (t.shape(x)[a] as number), 1);
  return t.each(
    node,
    () => {
      const parts: Value[] = [];
      if (g) parts.push(t.mul(withoutDrift(t, t.mul(g, gamma), normal, axes), inverse));
      if (gMean) parts.push(t.expandLike(t.mul(gMean, 1 / count), x, axes));
      if (gInverse) {
        const share = t.mul(t.mul(gInverse, t.mul(inverse, inverse)), -1 / count);
        parts.push(t.mul(normal, share));
      }
      return parts.reduce((a, b) => t.add(a, b));
    },
    () => g && t.unbroadcast(t.mul(g, normal), gamma),
    () => g && t.unbroadcast(g, beta!),
  );
};

/** The same per sample and channel, over space; γ and β per channel. */
export const InstanceNormalization: Rule = (t, node, [g]) => {
  const [x, gamma] = node.inputs as [Value, Value];
  const { channels, size } = t.sizes(x, node);
  const flat = (v: Value) => t.b.reshape(v, [-1, channels, size.reduce((p, d) => p * d, 1)]);
  const { normal, inverse } = normalised(t, node, flat(x), 2);
  const error = flat(g!);
  return t.each(
    node,
    () => {
      const scaled = t.mul(error, t.b.reshape(gamma, [channels, 1]));
      return t.b.reshapeLike(t.mul(withoutDrift(t, scaled, normal, [2]), inverse), x);
    },
    () => t.sum(t.mul(error, normal), [0, 2], false),
    () => t.sum(error, [0, 2], false),
  );
};
