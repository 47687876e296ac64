/**
 * Replays of a mini-batch, which `free` and `deat` are made of: one pass gives ∇θ, which moves the parameters, and ∇ₓ,
 * which moves the perturbation. #BP 1 each.
 */
import type { Images } from '../eval/index.ts';
import { l1 } from './magnitude.ts';
import type { StepRecord } from './measures.ts';
import { recordOf, type StepArguments, type Update } from './method.ts';

/** x + δ, clipped to [0, 1]. */
export const perturbed = ({ data, shape }: Images, delta: Float32Array): Images => ({
  data: data.map((v, i) => Math.min(1, Math.max(0, v + delta[i]!))),
  shape,
});

/** δ = clip(δ + α·sign ∇ₓ, ±ε), in place. */ // Free, Alg. 2, l. 11–12; DEAT, Alg. 1, l. 8–9
export function moveDelta(
  delta: Float32Array,
  gradient: Float32Array,
  stepSize: number,
  epsilon: number,
): void {
  for (let i = 0; i < delta.length; i++) {
    const moved = delta[i]! + stepSize * Math.sign(gradient[i]!);
    delta[i] = Math.min(epsilon, Math.max(-epsilon, moved));
  }
}

/**
 * ∇ₓ, ∇θ ← ∇ℓ(x + δ), and a step along each; δ in place.
 *
 * @phase DEAT lines 6-9: one replay
 */ // Free, Alg. 2, l. 7–12; DEAT, Alg. 1, l. 6–9
export async function replay({ learner, x, y, threat, stepSize }: StepArguments, delta: Float32Array) {
  const { gradient, ...update } = await learner.update(perturbed(x, delta), y, { inputGradient: true });
  moveDelta(delta, gradient!, stepSize, threat.epsilon);
  return { update, gradient: gradient! };
}

/**
 * All replays of a mini-batch. The record is the last one's, as is l_X (DEAT, Alg. 3, l. 12).
 *
 * @param delta as long as x, changed in place
 * @param count 1 or more
 */ // Free, Alg. 2, l. 5–12; DEAT, Alg. 1, l. 5–10
export async function replays(args: StepArguments, delta: Float32Array, count: number): Promise<StepRecord> {
  let last: { update: Update; gradient: Float32Array } = await replay(args, delta);
  for (let j = 1; j < count; j++) last = await replay(args, delta);
  return recordOf(last.update, {
    replays: count,
    stepSize: args.stepSize,
    gradientL1: l1(last.gradient),
  });
}
