/** Statistics of samples as textbooks have them, for tests to compare with. */

export interface Textbook {
  readonly n: number;
  readonly mean: number;
  readonly p50: number;
  readonly sd: number;
}

export function textbook(samples: readonly number[]): Textbook {
  const n = samples.length;
  const sorted = [...samples].sort((a, b) => a - b);
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const mean = sum(samples) / n;
  const p50 = n % 2 === 1 ? sorted[(n - 1) / 2]! : (sorted[n / 2 - 1]! + sorted[n / 2]!) / 2;
  // The sum of squares the other way: Σx² − n·mean², with n − 1 below.
  const squares = sum(samples.map((v) => v * v)) - n * mean * mean;
  return { n, mean, p50, sd: n === 1 ? 0 : Math.sqrt(Math.max(0, squares) / (n - 1)) };
}

/** How far two may be apart by rounding alone: the difference of squares loses digits. */
export const RELATIVE = 1e-6;

/** Digits that a number is written with, leading zeros apart. */
export const digitsOf = (value: number): number =>
  value.toExponential().replace(/e.*/, '').replace(/[^\d]/g, '').length;
