/**
 * Friendly adversarial training (FAT), for any method's adversary.
 *
 * J. Zhang et al., "Attacks Which Do Not Kill Training Make Adversarial Learning Stronger", ICML 2020, arXiv:2002.11242,
 * Alg. 1 (PGD-K-τ), with K = T: a sample is attacked for τ steps after it is misclassified, and no further. The defaults
 * (τ = 3; T = 5, with a surrogate loss 10; α = 2/255 at ε = 8/255) are those of Wang et al., DEAT, §5.2 and table 4.
 *
 * Differs from the listing: x′ is also clipped to [0, 1]. τ stays as it is, where the authors' code raises it during
 * training, and no noise is added between steps, as it does there. #BP: at most T + 1, over fewer and fewer samples. The
 * pass in which a sample turns out to be done is counted, too: it is what told so.
 */
import { gather, gatherLabels, imageSize, predictions } from '../eval/index.ts';
import type { Adversary } from './adversary.ts';
import { type LossRequest, type Method, recordOf, type StepArguments } from './method.ts';

/** The rows of what a loss reads. */
function gatherRequest(
  { q, target, ...loss }: LossRequest,
  active: ArrayLike<number>,
  classes: number,
): LossRequest {
  return {
    ...loss,
    ...(q && { q: gather({ data: q, shape: [q.length / classes, classes] }, active).data }),
    ...(target && { target: gatherLabels(target, active) }),
  };
}

/** An attack under way. */
interface Chase {
  readonly args: StepArguments;
  /** The loss that x′ ascends. */
  readonly request: LossRequest;
  /** x′, shaped as x. */
  readonly data: Float32Array;
  /** τ of each sample, `[N]`. */
  readonly patience: Int32Array;
}

/**
 * One step on the samples that are still attacked; x′ and τ in place.
 *
 * @returns those that go on
 * @phase FAT: steps on the samples that are still attacked
 */ // Alg. 1
export async function friendlyStep(
  { args: { learner, x, y, threat, stepSize }, request, data, patience }: Chase,
  active: readonly number[],
): Promise<number[]> {
  const size = imageSize(x);
  const { logits, next } = await learner.ascend(
    gather({ data, shape: x.shape }, active),
    gatherLabels(y, active),
    gather(x, active),
    { ...gatherRequest(request, active, learner.classes), threat, stepSize },
  );
  const predicted = predictions(logits, learner.classes);
  return active.filter((n, i) => {
    const lost = predicted[i] !== y[n];
    if (lost && patience[n] === 0) return false; // Alg. 1: break
    if (lost) patience[n]! -= 1; // τ ← τ − 1
    data.set(next.subarray(i * size, (i + 1) * size), n * size); // x′ ← Π(x′ + α·sign ∇ℓ(x′))
    return true;
  });
}

/** x′ per sample, and the mean number of steps that made it. */ // Alg. 1
export async function friendlyPerturb(args: StepArguments, adversary: Adversary) {
  const { x, y, steps, options } = args;
  const request = await adversary.ascends(args);
  const data = adversary.start(args);
  const patience = new Int32Array(y.length).fill(options.patience); // τ
  let active = Array.from(y.keys());
  let taken = 0;
  for (let k = 0; k < steps && active.length > 0; k++) {
    active = await friendlyStep({ args, request, data, patience }, active);
    taken += active.length;
  }
  return { adversarial: { data, shape: x.shape }, attackSteps: taken / y.length };
}

/** A method whose adversary stops τ steps after it has won: `fat` of `pgd`, else `f-…`. */
export const friendly = (base: Method, adversary: Adversary): Method => ({
  name: base.name === 'pgd' ? 'fat' : `f-${base.name}`,
  about: `${base.name} that attacks each sample for τ steps after it is misclassified, T at most`,
  source: `Zhang et al., arXiv:2002.11242, Alg. 1; ${base.source}`,
  defaults: { ...base.defaults, patience: 3 },
  attack: { steps: base.name === 'pgd' ? 5 : 10, stepSize: 0.25 },
  async step(args) {
    const { adversarial, attackSteps } = await friendlyPerturb(args, adversary);
    return recordOf(await adversary.learn(args, adversarial), { attackSteps });
  },
});
