import type { EpochRecord } from '../records.ts';
import type { StopRule } from './rule.ts';

const M = 2;
const GAMMA = 1.5;

/** R_t = (l_t − l_{t−m})/m, of the gradients' magnitudes l_X; undefined before there are so many. */
function growth(history: readonly EpochRecord[], t: number): number | undefined {
  const [now, before] = [history[t]?.gradientL1, history[t - M]?.gradientL1];
  return now == null || before == null ? undefined : (now - before) / M;
}

/** The gradients' magnitude grows all at once when a network overfits to single steps: DEAT paper, §3.3. */
export const magnitudeStop: StopRule = {
  name: 'magnitude',
  about: 'stops when the gradients’ magnitude l_X grows γ = 1.5 times as fast as before',
  source: 'Wang et al., DEAT, R_t > γR_{t−1} with m = 2, γ = 1.5',
  alarm(history) {
    const [now, before] = [growth(history, history.length - 1), growth(history, history.length - 2)];
    if (now === undefined || before === undefined || before <= 0 || now <= GAMMA * before) return undefined;
    return `l_X grew by ${now.toPrecision(3)} per epoch, after ${before.toPrecision(3)}`;
  },
};
