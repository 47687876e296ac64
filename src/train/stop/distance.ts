import type { StopRule } from './rule.ts';

/** A fall to less than this part of the best share so far, by more than so many samples of all: below that it is noise. */
const COLLAPSE = 0.5;
const FALL = 0.1;

/**
 * "Catastrophic overfitting can be detected once robust accuracy at this epoch is tremendously decreased": robust are the
 * images that are further than ε from every other class, as the gradients that training takes anyway tell. How large a
 * decrease is tremendous the paper does not say.
 *
 * The share is an epoch's mean: a network that breaks late in an epoch gives the alarm after the next one.
 */
export const distanceStop: StopRule = {
  name: 'distance',
  about:
    'efgsm: stops when the share of images further than ε from the next class falls by half, and by 10 points',
  source:
    'Chen, Lee, "Towards Fast and Robust Adversarial Training for Image Classification", ACCV 2020, §3.2',
  alarm(history) {
    const shares = history.flatMap((e) => e.robustShare ?? []);
    const now = shares.at(-1);
    const best = Math.max(0, ...shares.slice(0, -1));
    if (now === undefined || now >= COLLAPSE * best || best - now <= FALL) return undefined;
    return `the share of images further than ε from the next class fell from ${percent(best)} to ${percent(now)}`;
  },
};

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
