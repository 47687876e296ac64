import type { EpochRecord } from '../records.ts';
import type { StopRule } from './rule.ts';

const M = 2;
const GAMMA = 1.5;

/** R_t = (l_t − l_{t−m})/m, of the gradients' magnitudes l_X; undefined before there are so many. */
function growth(history: readonly EpochRecord[], t: number): number | undefined {
  const [now, before] = [history[t]?.gradientL1, history[t - M]?.gradientL1];
  return now == null || before == null ? undefined : (now - before) / M;
}

/**
 * The gradients' magnitude surges when a network overfits to single steps: F. Wang et al., "Gradient-Guided Dynamic Efficient
 * Adversarial Training" (DEAT), eq. (8) and Alg. 5, l. 9–14, with m and γ of §5.3.
 *
 * Differs from the listing: R_t > 0 is asked for, too. While l_X falls ever more slowly, as it does in the first epochs of a
 * run that is well, R_t > γR_{t−1} holds with both below 0, and the listing would stop there.
 */
export const magnitudeStop: StopRule = {
  name: 'magnitude',
  about: 'stops when the gradients’ magnitude l_X grows γ = 1.5 times as fast as before',
  source: 'Wang et al., DEAT, Alg. 5: R_t > γR_{t−1} with m = 2, γ = 1.5',
  alarm(history) {
    const [now, before] = [growth(history, history.length - 1), growth(history, history.length - 2)];
    if (now === undefined || before === undefined || now <= 0 || now <= GAMMA * before) return undefined;
    return `l_X grew by ${now.toPrecision(3)} per epoch, after ${before.toPrecision(3)}`;
  },
};
