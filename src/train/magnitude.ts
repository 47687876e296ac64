/**
 * The gradients' magnitude sets how many steps or replays a mini-batch takes (M-DEAT, M+PGD, M+TRADES, M+MART).
 *
 * F. Wang, Y. Zhang, Y. Zheng, W. Ruan, "Gradient-Guided Dynamic Efficient Adversarial Training", Alg. 3, l. 14–20, and
 * Alg. 4. l_X is Σ‖∇ₓℓ‖₁ over an epoch, each mini-batch's of its last step.
 *
 * Differs from the listings: Alg. 4's l. 7 says N steps, which is r (§5.2: "let the number of training adversarial
 * iterations start at 1"), at most the base method's T (appendix A.2); Adjustment(r, ε, α), which it does not define, is
 * the smallest α* ≥ α with α*·r ≥ ε; x + δ is also clipped to [0, 1]. #BP r + 1, and the adversary's own.
 */
import { ascend, type Images } from '../eval/index.ts';
import type { Adversary } from './adversary.ts';
import { type LossRequest, type Method, type MethodState, recordOf, type StepArguments } from './method.ts';
import type { MethodOptions } from './options.ts';
import type { EpochRecord } from './records.ts';

/** ‖v‖₁, summed in double precision. */
export function l1(v: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < v.length; i++) sum += Math.abs(v[i]!);
  return sum;
}

/**
 * x′ ← Π(x′ + α·sign ∇ℓ(x′)), in place.
 *
 * @returns Σ‖∇ℓ(x′)‖₁ over the samples, before the step
 * @phase DEAT Alg. 4, lines 8-12: one step, and l_X
 */ // Alg. 4, l. 8–10, 12; Alg. 5, l. 5–6
export async function measuredStep(
  { learner, x, y, threat, stepSize }: StepArguments,
  adversarial: Images,
  of?: LossRequest,
): Promise<number> {
  const { gradient } = await learner.gradient(adversarial, y, of);
  ascend(adversarial.data, gradient, x, threat, stepSize);
  return l1(gradient);
}

/** r = 1, and no epoch yet. */ // Alg. 3, l. 1; Alg. 4, l. 1
export const beginMagnitude = (): MethodState => ({
  numbers: { epochs: 0, count: 1, threshold: 0 },
  arrays: {},
});

/** r. */
export const countOf = ({ numbers }: MethodState): number => numbers.count ?? 1;

/**
 * r grows after the first epoch, and whenever l_X is above its threshold, which then moves to γ·l_X.
 *
 * @param most what r stays at
 */ // Alg. 3, l. 14–20; Alg. 4, l. 15–21
export function growByMagnitude(
  { numbers }: MethodState,
  { gradientL1 }: Pick<EpochRecord, 'gradientL1'>,
  { growth }: Pick<MethodOptions, 'growth'>,
  most = Number.POSITIVE_INFINITY,
): void {
  const more = () => Math.min(numbers.count! + 1, most);
  numbers.epochs! += 1;
  if (numbers.epochs === 1) numbers.count = more();
  else if (numbers.epochs === 2) numbers.threshold = growth * gradientL1!;
  else if (gradientL1! > numbers.threshold!) {
    numbers.threshold = growth * gradientL1!;
    numbers.count = more();
  }
}

/** α*. */ // Alg. 4, l. 3
export const adjusted = (r: number, epsilon: number, stepSize: number): number =>
  Math.max(stepSize, epsilon / r);

/** x + δ after r steps, and l_X of the last. */ // Alg. 4, l. 6–12
export async function magnitudePerturb(args: StepArguments, adversary: Adversary) {
  const { learner, x, y, threat, stepSize } = args;
  const r = countOf(args.state);
  const request = await adversary.ascends(args);
  let data = adversary.start(args); // Alg. 4, l. 6
  const step = { ...request, threat, stepSize };
  if (r > 1) data = (await learner.ascend({ data, shape: x.shape }, y, x, step, r - 1)).next; // Alg. 4, l. 7–11
  const adversarial: Images = { data, shape: x.shape };
  const gradientL1 = await measuredStep(args, adversarial, request); // Alg. 4, l. 8–12
  return { adversarial, gradientL1, attackSteps: r };
}

/**
 * A method whose steps per mini-batch the magnitude sets: `m-…`.
 *
 * @param base its T is the most that there will be
 */
export const magnitude = (base: Method, adversary: Adversary): Method => ({
  name: `m-${base.name}`,
  about: `${base.name} with as many steps as the gradients’ magnitude l_X asks for, T at most`,
  source: `Wang et al., DEAT, Alg. 4; ${base.source}`,
  defaults: { ...base.defaults, growth: 1.01 },
  attack: { ...base.attack, stepSize: 1.25 }, // §5.2: α = 10/255 at ε = 8/255
  begin: beginMagnitude, // Alg. 4, l. 1
  async step(given) {
    const r = countOf(given.state);
    const stepSize = adjusted(r, given.threat.epsilon, given.stepSize); // Alg. 4, l. 3
    const args = { ...given, stepSize };
    const { adversarial, ...measures } = await magnitudePerturb(args, adversary); // Alg. 4, l. 6–12
    return recordOf(await adversary.learn(args, adversarial), { ...measures, stepSize }); // Alg. 4, l. 13
  },
  endEpoch(state, record, { options, steps }) {
    growByMagnitude(state, record, options, steps); // Alg. 4, l. 15–21
  },
});
