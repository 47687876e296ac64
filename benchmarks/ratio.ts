/**
 * When one is called faster than another: by the ratio of their times in the same round, where what disturbs the machine disturbs both.
 *
 * The median of the ratios has an exact interval, whatever they are distributed as: each lies above the true median or below it like a
 * coin. Of n sorted ratios, the k-th lies above it with probability P(Bin(n, ½) < k); so it lies between the k-th smallest and
 * the k-th largest with 1 − 2·P(Bin(n, ½) < k). k is the largest for which that is at least 95 %; fewer than six ratios have none.
 */
import { median } from './measure.ts';

/** What an interval holds the true median with, at least. */
export const CONFIDENCE = 0.95;

export interface Ratio {
  readonly n: number;
  readonly median: number;
  /** Null where there are too few ratios. */
  readonly interval: readonly [number, number] | null;
}

/**
 * @param n ratios, independent
 * @returns k, and with which probability the true median lies between the k-th smallest and the k-th largest; null where n is too small
 */
export function orderStatistics(n: number): { readonly k: number; readonly confidence: number } | null {
  let below = 0; // P(Bin(n, ½) < k)
  let exactly = 2 ** -n; // P(Bin(n, ½) = k)
  let k = 0;
  while (k < n && 2 * (below + exactly) <= 1 - CONFIDENCE) {
    below += exactly;
    exactly *= (n - k) / (k + 1);
    k += 1;
  }
  return k === 0 ? null : { k, confidence: 1 - 2 * below };
}

/**
 * @param over times of the one, by round
 * @param under times of the other, in the same rounds
 * @returns of over ÷ under, round by round
 */
export function ratioOf(over: readonly number[], under: readonly number[]): Ratio {
  const n = Math.min(over.length, under.length);
  const ratios = Array.from({ length: n }, (_, i) => over[i]! / under[i]!).sort((a, b) => a - b);
  const places = orderStatistics(n);
  return {
    n,
    median: median(ratios),
    interval: places && [ratios[places.k - 1]!, ratios[n - places.k]!],
  };
}

/** Which of the two is called faster: only where the whole interval lies on one side of 1. */
export function fasterOf({ interval }: Pick<Ratio, 'interval'>): 'over' | 'under' | null {
  if (!interval) return null;
  if (interval[0] > 1) return 'under';
  return interval[1] < 1 ? 'over' : null;
}

/** The rule, as tables and pages say it. */
export const RULE =
  'Faster is said only where the 95 % interval of the median ratio (round by round, by order statistics) is clear of 1; six rounds are the fewest that have one.';
