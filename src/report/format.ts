/** How values are written in the terminal and in the HTML report: one place, so that both agree. */
import type { Norm, Result } from './schema.ts';

/**
 * A fraction as percent with one decimal, without the sign. Never rounds up to 100 or down to 0: one broken image
 * of 10,000 is not "100.0".
 */
export function percentNumber(fraction: number): string {
  const text = (fraction * 100).toFixed(1);
  if (text === '100.0' && fraction < 1) return '>99.9';
  if (text === '0.0' && fraction > 0) return '<0.1';
  return text;
}

/** A fraction as `91.2 %`, with a no-break space. */
export const percent = (fraction: number): string => `${percentNumber(fraction)}\u00a0%`;

/** Like {@link percent}; a dash where there is no value. */
export const percentOrDash = (fraction: number | null): string =>
  fraction === null ? '–' : percent(fraction);

/** An interval of fractions as `89.3–92.8 %`. */
export const percentRange = (range: { lower: number; upper: number }): string =>
  `${(range.lower * 100).toFixed(1)}–${(range.upper * 100).toFixed(1)}\u00a0%`;

/** A count with thousands separators: `1,234,567`. */
export const integer = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Seconds without the unit, one decimal, thousands separators. */
export function secondsNumber(seconds: number): string {
  if (seconds > 0 && seconds < 0.05) return '<0.1';
  return seconds.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** Seconds as `12.3 s`. */
export const secondsText = (seconds: number): string => `${secondsNumber(seconds)}\u00a0s`;

/** A radius as people write it: `0.1`, or `8/255` where that is what it is. */
export function epsilonText(epsilon: number): string {
  const decimal = Number(epsilon.toPrecision(6));
  if (Math.abs(decimal * 1000 - Math.round(decimal * 1000)) < 1e-9) return String(decimal);
  const levels = epsilon * 255;
  if (levels > 0.5 && Math.abs(levels - Math.round(levels)) < 1e-4) return `${Math.round(levels)}/255`;
  return String(Number(epsilon.toPrecision(4)));
}

const norms: Record<Norm, string> = { linf: 'L∞', l2: 'L2', l1: 'L1' };

/** The norm as it is read: `L∞`. */
export const normText = (norm: Norm): string => norms[norm];

/** A number with at most four significant digits and, from 1,000, thousands separators. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000)
    return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
  return size > 0 && size < 1e-4
    ? value.toExponential(2).replace(/\.?0+e/, 'e')
    : String(Number(value.toPrecision(4)));
}

type Value = string | number | boolean | null;

/** A value of a record (parameters, figures, recipe) as text. */
export function valueText(value: Value | Value[]): string {
  if (Array.isArray(value)) return value.map(valueText).join(', ');
  if (typeof value === 'number') return numberText(value);
  return value === null ? '–' : String(value);
}

/** `gradCheckError` or `grad_check-error` as words: `grad check error`. */
export const words = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
    .replace(/[_-]+/g, ' ');

/**
 * Makes text from a model or data file harmless to show: control characters (which a terminal would obey) and
 * bidirectional overrides (which reorder what is read) become U+FFFD; very long text is cut.
 */
export function printable(text: string, limit = 400): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

/** Machines named at once. */
const MOST_MACHINES = 4;

/** Who made the shards: `2 machines in 5 shards (east 3, west 2)`. */
export function machinesText(machines: NonNullable<Result['machines']>): string {
  const shards = new Map<string, number>();
  for (const m of machines) shards.set(m.name, (shards.get(m.name) ?? 0) + m.shards);
  const count = (n: number, what: string) => `${integer(n)} ${what}${n === 1 ? '' : 's'}`;
  const total = [...shards.values()].reduce((sum, n) => sum + n, 0);
  const named = [...shards].slice(0, MOST_MACHINES).map(([name, n]) => `${name} ${integer(n)}`);
  const list = [...named, ...(shards.size > MOST_MACHINES ? ['…'] : [])].join(', ');
  return `${count(shards.size, 'machine')} in ${count(total, 'shard')} (${list})`;
}

/** The last part of a path, of either kind of slash. */
export const fileName = (path: string): string => path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
