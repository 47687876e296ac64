/**
 * What chance explains. A check sees a few images, and attacks start at random: one image of 64 convicts no model.
 */

/** How sure a verdict must be: one in twenty may be chance. */
const LEVEL = 0.05;

/**
 * P(X ≥ k) of n independent events that each have the probability p: exact, in float64.
 *
 * @param k 0 to n
 */
export function binomialTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  // The terms from k to n, largest kept apart: log C(n, k) + k·log p + (n − k)·log(1 − p), then ratios of neighbours.
  let log = k * Math.log(p) + (n - k) * Math.log1p(-p);
  for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i);
  let [sum, term] = [0, 1];
  for (let i = k; i <= n && term > 0; i++) {
    sum += term;
    term *= ((n - i) / (i + 1)) * (p / (1 - p));
  }
  return Math.min(1, Math.exp(log) * sum);
}

/**
 * Whether k of n is more than a share p explains: were p the truth, so many would come up in less than one sample of twenty
 * (the same as p being below the exact lower bound of Clopper and Pearson, one-sided, 95 %).
 */
export const surelyAbove = (k: number, n: number, p: number): boolean => binomialTail(k, n, p) < LEVEL;

/** Whether k of n is less than a share p explains, as surely. */
export const surelyBelow = (k: number, n: number, p: number): boolean => surelyAbove(n - k, n, 1 - p);

/**
 * The exact lower bound itself: the share of which one is 95 % sure that it is reached.
 *
 * C. J. Clopper, E. S. Pearson, Biometrika 26 (1934), by bisection.
 */
export function lowerBound(k: number, n: number): number {
  if (k === 0) return 0;
  let [low, high] = [0, k / n];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (surelyAbove(k, n, middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Whether the images that change in one direction outnumber those that change in the other by more than chance: the sign test, exact
 * (Q. McNemar, Psychometrika 12, 1947).
 */
export const outnumber = (these: number, those: number): boolean =>
  these > those && surelyAbove(these, these + those, 0.5);
