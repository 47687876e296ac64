/**
 * Dynamic efficient adversarial training (DEAT), and guided by the gradients' magnitude (M-DEAT).
 *
 * F. Wang, Y. Zhang, Y. Zheng, W. Ruan, "Gradient-Guided Dynamic Efficient Adversarial Training", Alg. 1–3: mini-batches
 * are replayed r times, as in free adversarial training; r starts at 1, where it trains on random noise only, and grows.
 *
 * Differs from the listings: x + δ is also clipped to [0, 1]; l_X sums the gradients of each sample's own loss, as §4.2
 * defines it, where a mini-batch's mean loss would divide them by its size. #BP r: over T epochs DEAT-d takes
 * T(T + d)/2d of them, where d divides T.
 */
import { uniform } from '../random/index.ts';
import { beginMagnitude, countOf, growByMagnitude } from './magnitude.ts';
import type { Method, MethodState, StepArguments } from './method.ts';
import type { MethodOptions } from './options.ts';
import type { EpochRecord } from './records.ts';
import { replays } from './replay.ts';

/** α = 10/255 at ε = 8/255, §5. */
const attack = { steps: 1, stepSize: 1.25 } as const;

/**
 * δ⁰, by default uniform in the ball (§5.4).
 *
 * @phase DEAT line 4: the start
 */ // Alg. 1, l. 4
export const initialDelta = ({ x, threat: { epsilon }, options, key }: StepArguments): Float32Array =>
  options.start === 'random'
    ? uniform(key.fold('start'), x.data.length, -epsilon, epsilon)
    : new Float32Array(x.data.length);

/** One mini-batch of DEAT and M-DEAT. */ // Alg. 1, l. 4–10; Alg. 3, l. 5–12
export function deatStep(args: StepArguments) {
  const delta = initialDelta(args); // Alg. 1, l. 4
  return replays(args, delta, countOf(args.state)); // Alg. 1, l. 5–10
}

/** Every d epochs, or (d = 0) after each whose train accuracy is above the threshold: §4.1. */
export function meetsCriterion(
  { numbers }: MethodState,
  { trainAccuracy }: Pick<EpochRecord, 'trainAccuracy'>,
  { every, threshold }: Pick<MethodOptions, 'every' | 'threshold'>,
): boolean {
  return every > 0 ? numbers.epochs! % every === 0 : trainAccuracy > threshold;
}

export const deat: Method = {
  name: 'deat',
  about: 'replays as in free; one more every few epochs, or when the train accuracy allows',
  source: 'Wang et al., DEAT, Alg. 1',
  defaults: { start: 'random', every: 3, threshold: 0.4 },
  attack,
  begin: () => ({ numbers: { epochs: 0, count: 1 }, arrays: {} }), // Alg. 1, l. 1
  step: deatStep, // Alg. 1, l. 4–10
  endEpoch(state, record, { options }) {
    state.numbers.epochs! += 1;
    if (meetsCriterion(state, record, options)) state.numbers.count! += 1; // Alg. 1, l. 12–14
  },
};

export const mDeat: Method = {
  name: 'm-deat',
  about: 'replays as in free; one more when the gradients’ magnitude l_X rises above its threshold',
  source: 'Wang et al., DEAT, Alg. 2, 3',
  defaults: { start: 'random', growth: 1.01 },
  attack,
  begin: beginMagnitude, // Alg. 3, l. 1
  step: deatStep, // Alg. 3, l. 5–12
  endEpoch(state, record, { options }) {
    growByMagnitude(state, record, options); // Alg. 3, l. 14–20
  },
};
