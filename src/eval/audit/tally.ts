import type { Reason, Verification } from '../verifier.ts';

/** What the verifier found in several batches of claims. */
export interface Tally extends Omit<Verification, 'confirmed'> {
  readonly checked: number;
  readonly seconds: number;
}

export const noClaims: Tally = {
  checked: 0,
  rejected: 0,
  reasons: {},
  maxDistance: null,
  tolerance: 0,
  batchSizeOneMismatches: 0,
  seconds: 0,
};

export function addTallies(a: Tally, b: Tally): Tally {
  const reasons: Partial<Record<Reason, number>> = { ...a.reasons };
  for (const [reason, count] of Object.entries(b.reasons) as [Reason, number][])
    reasons[reason] = (reasons[reason] ?? 0) + count;
  return {
    checked: a.checked + b.checked,
    rejected: a.rejected + b.rejected,
    reasons,
    maxDistance:
      a.maxDistance === null || b.maxDistance === null
        ? (a.maxDistance ?? b.maxDistance)
        : Math.max(a.maxDistance, b.maxDistance),
    tolerance: Math.max(a.tolerance, b.tolerance),
    batchSizeOneMismatches: a.batchSizeOneMismatches + b.batchSizeOneMismatches,
    seconds: a.seconds + b.seconds,
  };
}
