/** What stands beside a claim, and why. */
import type { Found } from './found.ts';
import type { Claim } from './load.ts';
import { oursOf } from './ours.ts';
import type { Verdict } from './verdict.ts';

export interface Judgement {
  /** What is compared: per cent, a ratio of times, or the value itself. */
  readonly kind: 'per cent' | 'ratio' | 'value';
  readonly claimed: number;
  /** In the paper's setting; null where there is none. */
  readonly measured: number | null;
  /** Computed from phases, not run to the end. */
  readonly isProjected: boolean;
  /** The ratio of times that counted passes give; null where the data decide, or where networks differ. */
  readonly predicted: number | null;
  /** The record that `measured` is from, and what it is of. */
  readonly evidence: { readonly record: string; readonly machine: string; readonly about: string } | null;
  /** The nearest measurement in another setting, and which that is. */
  readonly elsewhere: { readonly value: string; readonly about: string } | null;
  readonly verdict: Verdict;
  readonly reason: string;
}

/** Of what no record is. */
export const untested = (
  kind: Judgement['kind'],
  claimed: number,
  reason: string,
  more: Partial<Judgement> = {},
): Judgement => ({
  ...{ kind, claimed, measured: null, isProjected: false, predicted: null, evidence: null },
  ...{ elsewhere: null, verdict: 'not testable here', reason, ...more },
});

/** Why there is no record of a claim's setting, and what its run would take. */
export function missing(claim: Claim, found: Found): string {
  const ours = oursOf(claim);
  if (!ours) return claim.why!;
  if (claim.data === 'MNIST') return 'no record with this network, ε and settings yet: the command makes one';
  const seconds = found.times.map((t) => t.seconds(ours)).filter((s) => s !== null);
  const needs = `${claim.data} does not come with Touchstone`;
  return seconds.length === 0
    ? `${needs}; how long the run takes here is not known before its phases are timed`
    : `${needs}; the run would take about ${hoursText(Math.min(...seconds))} here (projected)`;
}

function hoursText(seconds: number): string {
  const hours = Math.round(seconds / 3600);
  return hours <= 1 ? 'an hour' : `${hours.toLocaleString('en-US')} hours`;
}
