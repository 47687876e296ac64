/**
 * Regular adversarial training (RAT).
 *
 * H. Gong, "Reducing Adversarial Training Cost with Gradient Approximation", arXiv:2309.09464, Alg. 1; after A. Madry
 * et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", arXiv:1706.06083.
 *
 * Differs from the listing: x + δ is also clipped to [0, 1], and δ starts at random by default (the listing's comment,
 * and §5.1). #BP T + 1.
 */
import { type Images, randomStart } from '../eval/index.ts';
import type { Adversary } from './adversary.ts';
import type { StepRecord } from './measures.ts';
import { type LossRequest, type Method, recordOf, type StepArguments } from './method.ts';

/**
 * x + δ⁰.
 *
 * @phase RAT line 4: the start
 */ // Alg. 1, l. 4
export const start = ({ x, threat, options, key }: StepArguments): Float32Array =>
  options.start === 'random' ? randomStart(x, threat, key.fold('start')) : x.data.slice();

/**
 * Steps of δ = clip(δ + α·sign ∇ℓ(x + δ), ±ε).
 *
 * @phase RAT lines 6-7: one PGD step
 */ // Alg. 1, l. 6–7
export async function pgdSteps(
  adversarial: Images,
  { learner, x, y, threat, stepSize }: StepArguments,
  count: number,
  of: LossRequest = {},
): Promise<Float32Array> {
  return (await learner.ascend(adversarial, y, x, { ...of, threat, stepSize }, count)).next;
}

/**
 * x + δᵀ.
 *
 * @phase RAT lines 5-8: T PGD steps
 * @phase TRADES lines 6-8: T steps on the divergence
 */ // Alg. 1, l. 5–8
export async function pgdPerturb(args: StepArguments, from: Float32Array, of?: LossRequest): Promise<Images> {
  const { shape } = args.x;
  if (args.steps === 0) return { data: from, shape };
  return { data: await pgdSteps({ data: from, shape }, args, args.steps, of), shape };
}

/** One mini-batch of an adversary that takes T steps, and what it learns of x + δᵀ. */
export async function adversarialStep(args: StepArguments, adversary: Adversary): Promise<StepRecord> {
  const from = adversary.start(args);
  const adversarial = await pgdPerturb(args, from, await adversary.ascends(args));
  return recordOf(await adversary.learn(args, adversarial), { attackSteps: args.steps });
}

/** Ascends and descends the cross-entropy. */
export const pgdAdversary: Adversary = {
  start,
  ascends: async () => ({}),
  learn: ({ learner, y }, adversarial) => learner.update(adversarial, y),
};

export const pgd: Method = {
  name: 'pgd',
  about: 'regular adversarial training (RAT): T exact gradients per mini-batch',
  source: 'Gong, arXiv:2309.09464, Alg. 1; Madry et al., arXiv:1706.06083',
  defaults: { start: 'random' },
  async step(args) {
    const delta0 = start(args); // Alg. 1, l. 4
    const adversarial = await pgdPerturb(args, delta0); // Alg. 1, l. 5–8
    return recordOf(await args.learner.update(adversarial, args.y), { attackSteps: args.steps }); // Alg. 1, l. 10
  },
};
