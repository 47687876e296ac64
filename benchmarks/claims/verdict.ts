/** When a claim counts as reproduced: the rules, as docs/claims.md states them, and nothing else. */
import { CHANCE, type DataName } from './schema.ts';

export const VERDICTS = ['reproduced', 'not reproduced', 'not testable here'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Percentage points by which an accuracy may fall short. */
export const POINTS = 1;
/** Share of what is claimed by which a saving may fall short, or a ratio be off. */
export const SHARE = 0.1;

/** Sums of decimals miss a bound by their last bit. */
const ROUNDING = 1e-9;

export interface Compared {
  readonly claimed: number;
  readonly measured: number;
}

/**
 * Accuracies, in per cent. More is as good as enough, but for a collapse: what is claimed to be no better than chance must be so.
 *
 * @param spread the paper's own ±
 */
export function accuracyHolds({ claimed, measured }: Compared, data: DataName, spread = 0): boolean {
  const slack = Math.max(POINTS, spread) + ROUNDING;
  return claimed <= CHANCE[data] ? Math.abs(measured - claimed) <= slack : measured >= claimed - slack;
}

/**
 * Times, as a ratio to the yardstick's. What is claimed to save must save nine tenths of it; what is claimed to cost as much, or
 * more, must cost so within a tenth.
 */
export function ratioHolds({ claimed, measured }: Compared): boolean {
  if (claimed < 1) return 1 - measured >= (1 - SHARE) * (1 - claimed) - ROUNDING;
  return Math.abs(measured / claimed - 1) <= SHARE + ROUNDING;
}
