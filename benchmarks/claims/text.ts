/** How claims and what stands beside them are written, in the terminal and on the page. */
import { numberText } from '../../src/report/format.ts';
import type { Judged, JudgedTable } from './judged.ts';
import type { Claim } from './load.ts';
import { VERDICTS, type Verdict } from './verdict.ts';

const UNIT_TEXT: Readonly<Record<Claim['unit'], string>> = {
  '%': '\u00a0%',
  fraction: '',
  min: '\u00a0min',
  s: '\u00a0s',
  ms: '\u00a0ms',
  epochs: '',
  images: '',
};

/** As printed, with its unit: `46.32 %`, `20.2 ± 1.5 min`. */
export function claimText({ value, unit, spread }: Pick<Claim, 'value' | 'unit' | 'spread'>): string {
  const text =
    unit === '%' ? value.toFixed(2) : value < 1000 ? numberText(value) : value.toLocaleString('en-US');
  return `${text}${spread === undefined ? '' : `\u00a0±\u00a0${numberText(spread)}`}${UNIT_TEXT[unit]}`;
}

/** A ratio as what it saves, or how many times as much it is. */
export const ratioText = (ratio: number): string =>
  ratio < 1 ? `saves ${(100 * (1 - ratio)).toFixed(1)}\u00a0%` : `takes ${ratio.toFixed(2)}×`;

export const percentText = (percent: number): string => `${percent.toFixed(2)}\u00a0%`;

/** A compared value: per cent, or a saving. */
export const comparedText = ({ kind }: Pick<Judged, 'kind'>, value: number): string =>
  kind === 'ratio' ? ratioText(value) : kind === 'per cent' ? percentText(value) : numberText(value);

/** What was found here: marked where it is projected, or from another setting; empty where nothing is. */
export function hereText(judged: Judged): string {
  const { measured, isProjected, elsewhere } = judged;
  if (measured !== null) return `${comparedText(judged, measured)}${isProjected ? ' (projected)' : ''}`;
  return elsewhere ? `elsewhere: ${elsewhere.value}` : '';
}

/** Measured over claimed. */
export const overClaimed = ({ measured, claimed }: Pick<Judged, 'measured' | 'claimed'>): number | null =>
  measured === null || claimed === 0 ? null : measured / claimed;

/** How many of each verdict. */
export function countVerdicts(tables: readonly JudgedTable[]): Record<Verdict, number> {
  const all = tables.flatMap((t) => t.claims);
  return Object.fromEntries(
    VERDICTS.map((verdict) => [verdict, all.filter((j) => j.verdict === verdict).length]),
  ) as Record<Verdict, number>;
}
