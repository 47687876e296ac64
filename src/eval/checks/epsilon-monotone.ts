import type { CheckSpec } from './check.ts';

/** How much a curve may rise by the randomness of starts. */
const SLACK = 0.005;

/** A larger radius does not lower accuracy (Chen and Lee, §2, check 3). */
export const epsilonMonotone: CheckSpec = {
  id: 'epsilon-monotone',
  title: 'Accuracy falls as ε grows',
  async run({ sweep }) {
    if (sweep.length < 3) return undefined;
    let rise = 0;
    for (let i = 1; i < sweep.length; i++)
      rise = Math.max(rise, sweep[i]!.robustAccuracy - sweep[i - 1]!.robustAccuracy);
    const first = sweep[0]!.robustAccuracy;
    const last = sweep.at(-1)!.robustAccuracy;
    const flat = first > 0 && last === first;
    return {
      verdict: rise > SLACK || flat ? 'warn' : 'pass',
      figures: { largestRise: rise, first, last, points: sweep.length },
      message: flat
        ? 'The accuracy is the same at every ε: no attack moves this model.'
        : rise > SLACK
          ? `The accuracy rises by ${(100 * rise).toFixed(1)} points as ε grows: the attack at the larger ε is too weak.`
          : 'The accuracy never rises with ε.',
    };
  },
};
