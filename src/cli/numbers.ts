import { TouchstoneError } from '../errors.ts';

/**
 * A number as people write ε: `8/255`, `0.03`, `1e-2`.
 *
 * @throws E_OPTION where it does not parse
 */
export function parseNumber(text: string, option: string): number {
  const number = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
  const match = new RegExp(`^\\s*(${number})\\s*(?:/\\s*(${number}))?\\s*$`).exec(text);
  const value = match ? Number(match[1]) / (match[2] === undefined ? 1 : Number(match[2])) : Number.NaN;
  if (!Number.isFinite(value))
    throw new TouchstoneError('E_OPTION', `--${option} ${text}`, 'a number such as 8/255 or 0.03');
  return value;
}

/** A radius or step size in pixel space: above 0 and at most `most`. */
export function parseRadius(text: string, option: string, most: number): number {
  const value = parseNumber(text, option);
  if (value > most)
    throw new TouchstoneError(
      'E_OPTION',
      `--${option} ${text}`,
      `at most ${most}`,
      'it is in pixel space, [0, 1]: write 8/255, not 8',
    );
  if (value <= 0) throw new TouchstoneError('E_OPTION', `--${option} ${text}`, 'a number above 0');
  return value;
}

/** A whole number of at least `least`. */
export function parseCount(text: string, option: string, least = 1): number {
  const value = parseNumber(text, option);
  if (!Number.isSafeInteger(value) || value < least)
    throw new TouchstoneError('E_OPTION', `--${option} ${text}`, `a whole number of at least ${least}`);
  return value;
}

/** A number in [0, 1]. */
export function parseShare(text: string, option: string): number {
  const value = parseNumber(text, option);
  if (value < 0 || value > 1)
    throw new TouchstoneError('E_OPTION', `--${option} ${text}`, 'a number from 0 to 1');
  return value;
}

/** `2/8` as the second of eight. */
export function parseShard(text: string, option: string): { index: number; of: number } {
  const [, index, of] = /^(\d{1,9})\/(\d{1,9})$/.exec(text.trim())?.map(Number) ?? [];
  if (index === undefined || of === undefined || index < 1 || index > of)
    throw new TouchstoneError('E_OPTION', `--${option} ${text}`, 'i/n with i from 1 to n, as 2/8');
  return { index, of };
}

/** Sizes joined by `x`: `3x32x32` is [3, 32, 32]. */
export function parseShape(text: string, option: string): number[] {
  const sizes = text.split('x').map(Number);
  if (sizes.length !== 3 || sizes.some((n) => !Number.isSafeInteger(n) || n < 1))
    throw new TouchstoneError('E_OPTION', `--${option} ${text}`, 'channels, height and width, as 3x32x32');
  return sizes;
}

export const parseList = (text: string): string[] =>
  text
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean);

/** Numbers between commas, each read by `parse`. @throws E_OPTION where there is none */
export function parseNumbers(
  text: string,
  option: string,
  parse: (text: string, option: string) => number,
): number[] {
  const list = parseList(text);
  if (list.length === 0)
    throw new TouchstoneError('E_OPTION', `--${option} ${text}`, 'numbers between commas');
  return list.map((item) => parse(item, option));
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `90s`, `10m`, `1.5h`, in seconds. @throws E_OPTION */
export function parseDuration(text: string, option: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)([smh])?$/.exec(text.trim()) ?? [];
  const seconds = Number(amount) * UNITS[unit]!;
  if (amount === undefined || !(seconds > 0))
    throw new TouchstoneError('E_OPTION', `--${option} ${text}`, 'a time like 90s, 10m or 1.5h');
  return seconds;
}
