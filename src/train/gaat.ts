/**
 * Adversarial training with gradient approximation (GAAT).
 *
 * H. Gong, "Reducing Adversarial Training Cost with Gradient Approximation", arXiv:2309.09464, Alg. 2: the gradient
 * at x + δ is replaced by J + Hδ (eq. 5), with H = JᵀJ (eq. 8), so that one gradient at x serves all T steps.
 *
 * Differs from the listing: x + δ is also clipped to [0, 1]; J is per sample; H is never formed, and the T steps are
 * taken at once, which is exact (see `approximateSteps`). δ starts at 0 as in the listing (§5.1 starts at random:
 * `start: 'random'`). #BP 2.
 */
import { approximateSteps, forEachImage, type Images } from '../eval/index.ts';
import { type Method, recordOf, type StepArguments } from './method.ts';
import { start } from './pgd.ts';

/** What is known at x, before any step. */
interface Expansion {
  /** ℓ(x), `[N]` */
  readonly loss: Float32Array;
  /** J = ∇ₓℓ(x) per sample, shaped as x. With it, H = JᵀJ is known, too. */
  readonly J: Float32Array;
}

/** ℓ(x), J and, by eq. (8), H. */ // Alg. 2, l. 4–6
export async function expand({ learner, x, y }: StepArguments): Promise<Expansion> {
  const { loss, gradient } = await learner.gradient(x, y);
  return { loss, J: gradient };
}

/** T steps of δ = clip(δ + α·sign(J + Hδ), ±ε). */ // Alg. 2, l. 7–10
export function gaatSteps(
  { x, threat, steps, stepSize, options }: StepArguments,
  from: Float32Array,
  J: Float32Array,
) {
  return approximateSteps(x, from, J, {
    threat,
    steps,
    stepSize,
    secondOrder: options.hessian === 'gauss-newton',
  });
}

/** x + δᵀ, and what it was made from. */ // Alg. 2, l. 4–10
export async function gaatPerturb(args: StepArguments, from: Float32Array) {
  const expansion = await expand(args); // Alg. 2, l. 4–6
  return { ...expansion, ...gaatSteps(args, from, expansion.J) }; // Alg. 2, l. 7–10
}

export const gaat: Method = {
  name: 'gaat',
  about: 'one gradient, then T steps on the approximated loss',
  source: 'Gong, arXiv:2309.09464, Alg. 2',
  defaults: { start: 'zero', hessian: 'gauss-newton' },
  async step(args) {
    const { learner, x, y, options } = args;
    const delta0 = start(args); // Alg. 2, l. 3
    const { adversarial, flipped, loss, J } = await gaatPerturb(args, delta0); // Alg. 2, l. 4–10
    const update = await learner.update({ data: adversarial, shape: x.shape }, y); // Alg. 2, l. 12
    return recordOf(update, {
      attackSteps: 1,
      ...(options.hessian === 'gauss-newton' && { flipRate: flipped }),
      ...(learner.consistent && { residual: meanResidual(x, adversarial, J, loss, update.loss) }),
    });
  },
};

/**
 * Mean over the batch of R(x, δ) = |ℓ(x+δ) − ℓ(x) − δᵀJ − ½δᵀHδ|, eq. (4), with H = JᵀJ: δᵀHδ = (J·δ)².
 *
 * Costs no pass: ℓ(x) and J come with the gradient, ℓ(x+δ) with the update.
 */
export function meanResidual(
  x: Images,
  adversarial: Float32Array,
  J: Float32Array,
  loss: Float32Array,
  adversarialLoss: Float32Array,
): number {
  let sum = 0;
  forEachImage(x, (n, from, to) => {
    let product = 0;
    for (let i = from; i < to; i++) product += J[i]! * (adversarial[i]! - x.data[i]!);
    sum += Math.abs(adversarialLoss[n]! - loss[n]! - product - 0.5 * product ** 2);
  });
  return sum / loss.length;
}
