import { floatOf, intOf, type Value } from '../../graph/index.ts';
import { type Rule, refuse, type Tape } from '../tape.ts';

/** A per-channel vector as `[C, 1, …]`, to broadcast against `[N, C, …]`. */
function perChannel(t: Tape, v: Value, like: Value): Value {
  const spatial = t.shape(like).length - 2;
  return t.b.reshape(v, [t.shape(v)[0] as number, ...new Array<number>(spatial).fill(1)]);
}

/**
 * y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε).
 *
 * Inference, where μ and σ² are constants: dx = g·γ/√(σ² + ε).
 * Training, where they are the batch's: dx = γ/√(σ² + ε) · (g − mean g − x̂·mean(g·x̂)), means over N and space.
 * Both: dγ = Σ g·x̂, dβ = Σ g. The running statistics that training mode puts out are not differentiated.
 */
export const BatchNormalization: Rule = (t, node, [g]) => {
  const [x, gamma, , mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
  const training = intOf(node, 'training_mode', 0) === 1;
  if (!training && (t.needs(node, 3) || t.needs(node, 4)))
    throw refuse(node, 'has statistics that depend on the input');
  const axes = t.shape(x).flatMap((_, i) => (i === 1 ? [] : [i]));
  const mu = training ? t.mean(x, axes) : perChannel(t, mean, x);
  const centred = t.b.op('Sub', [x, mu]);
  const sigma2 = training ? t.mean(t.mul(centred, centred), axes) : perChannel(t, variance, x);
  const sigma = t.b.op('Sqrt', [t.add(sigma2, t.b.scalar(floatOf(node, 'epsilon', 1e-5)))]);
  const normal = t.b.op('Div', [centred, sigma]);
  const scale = t.b.op('Div', [perChannel(t, gamma, x), sigma]);
  return t.each(
    node,
    () => {
      if (!training) return t.mul(g!, scale);
      const drift = t.mul(normal, t.mean(t.mul(g!, normal), axes));
      return t.mul(t.b.op('Sub', [t.b.op('Sub', [g!, t.mean(g!, axes)]), drift]), scale);
    },
    () => t.sum(t.mul(g!, normal), axes, false),
    () => t.sum(g!, axes, false),
  );
};
