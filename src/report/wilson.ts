/** Two-sided 95 % quantile of the standard normal distribution. */
const Z_95 = 1.959963984540054;

/**
 * Wilson's score interval (E. B. Wilson, JASA 1927) of a proportion: sound at 0 and 1, unlike p ± z·s.
 *
 * @param correct - successes, 0 to n
 * @param n - trials; 0 gives the whole range [0, 1]
 * @param z - normal quantile. @default 1.96, 95 %
 */
export function wilsonInterval(correct: number, n: number, z = Z_95): { lower: number; upper: number } {
  if (n === 0) return { lower: 0, upper: 1 };
  const p = correct / n;
  const scale = 1 / (1 + (z * z) / n);
  const centre = scale * (p + (z * z) / (2 * n));
  const half = scale * z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  // At the ends the bound is exactly 0 or 1; rounding must not push it off.
  return {
    lower: correct === 0 ? 0 : Math.max(0, centre - half),
    upper: correct === n ? 1 : Math.min(1, centre + half),
  };
}

/** The `confidence` field of a result: 95 % Wilson intervals of the clean and the robust accuracy. */
export function confidenceOf(clean: { correct: number; n: number }, robust: { correct: number; n: number }) {
  return {
    level: 0.95,
    method: 'wilson' as const,
    clean: wilsonInterval(clean.correct, clean.n),
    robust: wilsonInterval(robust.correct, robust.n),
  };
}
