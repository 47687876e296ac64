import type { StopRule } from './rule.ts';

/** A fall to less than this part of what it was. */
const COLLAPSE = 0.5;

/** The share of samples whose distance to the next class is above ε collapses when a network overfits: eFGSM paper. */
export const distanceStop: StopRule = {
  name: 'distance',
  about: 'stops when the share of samples with an inter-class distance above ε collapses',
  source: 'eFGSM paper, eq. (12) and the early stopping that follows from it',
  alarm(history) {
    const shares = history.map((e) => e.robustShare);
    const now = shares.at(-1);
    const best = Math.max(0, ...shares.slice(0, -1).map((s) => s ?? 0));
    if (now == null || best === 0 || now >= COLLAPSE * best) return undefined;
    return `the share of samples further than ε from the next class fell from ${best.toFixed(3)} to ${now.toFixed(3)}`;
  },
};
