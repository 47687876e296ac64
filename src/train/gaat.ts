/**
 * Adversarial training with gradient approximation (GAAT).
 *
 * H. Gong, "Reducing Adversarial Training Cost with Gradient Approximation", arXiv:2309.09464, Alg. 2: the gradient
 * at x + δ is replaced by J + Hδ (eq. 5), so that what is known at x serves all T steps. H is JᵀJ (eq. 8), or the diagonal
 * (eq. 10), exact, or none: `hessian`, in curvature.ts.
 *
 * Differs from the listing: x + δ is also clipped to [0, 1]; J is per sample; H is never formed, and with eq. (8) the T
 * steps are taken at once, which is exact (see `approximateSteps`). δ starts at 0 as in the listing (§5.1 starts at
 * random: `start: 'random'`).
 *
 * Beyond the paper, which asks whether GAAT goes with attacks other than PGD: `surrogate: 'margin'` ascends Carlini and
 * Wagner's loss, `'deepfool'` takes DeepFool's steps on the linearised network (linearised.ts). And as R(x, δ) falls with
 * training (§3.2), `residualLimit` pays for exact gradients while it is large: per mini-batch, R measured on an eighth of it
 * (with the batch's statistics, `bnMode: 'train'`, those are the eighth's).
 *
 * #BP 2; diagonal 2 + probes; exact T + 2; deepfool min(9, K − 1) + 1; T more where `residualLimit` asks for exact gradients.
 */
import { approximateSteps, ascend, gather, type Images } from '../eval/index.ts';
import { curvatures, type Expansion } from './curvature.ts';
import { deepfoolPerturb } from './linearised.ts';
import { type LossRequest, type Method, recordOf, type StepArguments } from './method.ts';
import type { MethodOptions } from './options.ts';
import { pgdPerturb, start } from './pgd.ts';
import { lossOf, meanResidual, taylor } from './residual.ts';

/** The part of a mini-batch that R is measured on. */
const PART = 1 / 8;

/** A perturbation, and what the approximation says of it. */
interface Found {
  /** x + δᵀ, shaped as x. */
  readonly adversarial: Float32Array;
  /** What the loss should be there, `[N]`. */
  readonly predicted: Float32Array;
  /** Gradients and products with H per sample. */
  readonly passes: number;
  /** Share of the samples whose direction H turned round, where it turns them as a whole. */
  readonly flipped?: number;
}

/** The loss whose gradient is J. */
const kindOf = ({ surrogate }: MethodOptions) => (surrogate === 'ce' ? 'ce' : 'margin');
const requestOf = (options: MethodOptions): LossRequest => ({ loss: kindOf(options) });

const differenceTo = (x: Images, at: Float32Array): Float32Array => at.map((v, i) => v - x.data[i]!);

/**
 * ℓ(x), J and what H is made of.
 *
 * @phase GAAT lines 4-6: Hessian build
 */ // Alg. 2, l. 4–6
export async function expand(args: StepArguments, from: Float32Array): Promise<Expansion> {
  const { x, options } = args;
  return curvatures[options.hessian](args, { of: requestOf(options), delta: differenceTo(x, from) });
}

/**
 * T steps of δ = clip(δ + α·sign(J + Hδ), ±ε).
 *
 * @phase GAAT lines 8-9: one approximated step
 */ // Alg. 2, l. 7–10
export async function gaatSteps(
  { x, threat, steps, stepSize, options }: StepArguments,
  from: Float32Array,
  { J, product }: Expansion,
): Promise<{ adversarial: Float32Array; flipped?: number }> {
  if (!product) {
    const secondOrder = options.hessian === 'gauss-newton';
    const { adversarial, flipped } = approximateSteps(x, from, J, { threat, steps, stepSize, secondOrder });
    return { adversarial, ...(secondOrder && { flipped }) };
  }
  const adversarial = from.slice();
  for (let t = 0; t < steps; t++) {
    const bend = await product(differenceTo(x, adversarial), t); // Hδ
    const direction = J.map((j, i) => j + bend[i]!); // Alg. 2, l. 8
    ascend(adversarial, direction, x, threat, stepSize); // Alg. 2, l. 8–9
  }
  return { adversarial };
}

/**
 * x + δᵀ, and what it was made from.
 *
 * @phase GAAT lines 4-10: T approximated steps
 */ // Alg. 2, l. 4–10
export async function gaatPerturb(args: StepArguments, from: Float32Array): Promise<Found> {
  const expansion = await expand(args, from); // Alg. 2, l. 4–6
  const climbed = await gaatSteps(args, from, expansion); // Alg. 2, l. 7–10
  const { loss, J, passes } = expansion;
  return { ...climbed, predicted: taylor(args.x, climbed.adversarial, J, loss), passes };
}

/** R(x, δ) on the first eighth of the mini-batch: a forward pass over that. */ // eq. 4
async function residualOf({ learner, x, y, options }: StepArguments, found: Found): Promise<number> {
  const part = Array.from({ length: Math.ceil(PART * y.length) }, (_, n) => n);
  const logits = await learner.logits(gather({ data: found.adversarial, shape: x.shape }, part));
  return meanResidual(lossOf(logits, y, learner.classes, kindOf(options)), found.predicted);
}

/** x + δᵀ by the approximation where that holds, else by exact gradients. */
async function adaptivePerturb(args: StepArguments, from: Float32Array, found: Found) {
  const residual = await residualOf(args, found);
  if (residual <= args.options.residualLimit) return { ...found, residual, exactShare: 0 };
  const { data } = await pgdPerturb(args, from, requestOf(args.options)); // Alg. 1, l. 5–8
  return { adversarial: data, passes: found.passes + args.steps, residual, exactShare: 1 };
}

export const gaat: Method = {
  name: 'gaat',
  about: 'one gradient, then T steps on the approximated loss',
  source: 'Gong, arXiv:2309.09464, Alg. 2',
  defaults: { start: 'zero', hessian: 'gauss-newton', surrogate: 'ce', probes: 1, residualLimit: 0 },
  async step(args) {
    const { learner, x, y, options } = args;
    const delta0 = start(args); // Alg. 2, l. 3
    const perturb = options.surrogate === 'deepfool' ? deepfoolPerturb : gaatPerturb;
    const found: Found = await perturb(args, delta0); // Alg. 2, l. 4–10
    const adapted = options.residualLimit > 0 ? await adaptivePerturb(args, delta0, found) : undefined;
    const { adversarial, passes } = adapted ?? found;
    const update = await learner.update({ data: adversarial, shape: x.shape }, y); // Alg. 2, l. 12
    const residual = () =>
      meanResidual(lossOf(update.logits, y, learner.classes, kindOf(options)), found.predicted);
    return recordOf(update, {
      attackSteps: passes,
      ...(found.flipped !== undefined && { flipRate: found.flipped }),
      ...(adapted && { residual: adapted.residual, exactShare: adapted.exactShare }),
      // R costs no pass here: ℓ(x) and J come with the gradient, ℓ(x + δ) with the update.
      ...(!adapted && learner.consistent && { residual: residual() }),
    });
  },
};
