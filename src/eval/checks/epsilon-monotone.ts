import { outnumber } from './chance.ts';
import { type CheckSpec, type Evidence, percent } from './check.ts';
import { attackAnew, mainParameters } from './fresh.ts';
import { count, without } from './lists.ts';

/** How much a curve may rise by the randomness of starts. */
const SLACK = 0.005;
/** Radii of the sample's own curve, as multiples of ε. */
const RADII = [0.5, 1, 2, 4];

/** A larger radius does not lower accuracy (Chen and Lee, §2.4, property 3). */
export const epsilonMonotone: CheckSpec = {
  id: 'epsilon-monotone',
  title: 'Accuracy falls as ε grows',
  async run(evidence) {
    const anew = await freshCurve(evidence);
    const { sweep } = evidence;
    if (sweep.length < 3 && !anew) return undefined;
    let rise = 0;
    for (let i = 1; i < sweep.length; i++)
      rise = Math.max(rise, sweep[i]!.robustAccuracy - sweep[i - 1]!.robustAccuracy);
    const first = sweep[0]?.robustAccuracy ?? 1;
    const last = sweep.at(-1)?.robustAccuracy ?? 0;
    const unmoved = anew?.broken.every((b) => b === 0) ?? true;
    const flat = first > 0 && last === first && unmoved;
    const rises = rise > SLACK || (anew !== undefined && anew.rise > 1);
    return {
      verdict: anew?.sure ? 'fail' : rises || flat ? 'warn' : 'pass',
      figures: {
        ...(sweep.length > 0 ? { largestRise: rise, first, last, points: sweep.length } : {}),
        ...(anew
          ? {
              samples: anew.n,
              brokenAnew: anew.broken.join(', '),
              radii: RADII.join(', '),
              lostAgain: anew.rise,
            }
          : {}),
      },
      message: flat
        ? 'The accuracy is the same at every ε: no attack moves this model.'
        : anew && anew.rise > 1
          ? `${anew.rise} of ${anew.n} sampled images (${percent(anew.rise / anew.n)}) fewer fall at a larger ε than at a smaller one: the attack gets lost.`
          : rises
            ? `The accuracy rises by ${(100 * rise).toFixed(1)} points as ε grows: the attack at the larger ε is too weak.`
            : 'The accuracy never rises with ε.',
    };
  },
};

interface FreshCurve {
  readonly n: number;
  /** At each radius. */
  readonly broken: readonly number[];
  /** By how many images fewer a larger radius breaks than a smaller one, at most. */
  readonly rise: number;
  /** Whether that is more than chance. */
  readonly sure: boolean;
}

/** PGD at each radius anew: what a smaller one broke is not carried over, so that a rise can show. */
async function freshCurve(evidence: Evidence): Promise<FreshCurve | undefined> {
  const { threat, y } = evidence;
  if (!threat || y.length === 0) return undefined;
  const { steps, stepSize } = mainParameters({ ...evidence, threat });
  const lists: (readonly boolean[])[] = [];
  for (const factor of RADII) {
    const broken = await attackAnew(evidence, 'pgd', {
      threat: { ...threat, epsilon: threat.epsilon * factor },
      parameters: { steps, stepSize: stepSize * factor, restarts: 1 },
      use: 'radii',
    });
    if (!broken) return undefined;
    lists.push(broken);
  }
  let [rise, sure] = [0, false];
  for (const [i, larger] of lists.entries())
    for (const smaller of lists.slice(0, i)) {
      rise = Math.max(rise, count(smaller) - count(larger));
      // An image that both break, or neither, says nothing.
      sure ||= outnumber(without(smaller, larger), without(larger, smaller));
    }
  return { n: y.length, broken: lists.map(count), rise, sure };
}
