import { surelyAbove } from './chance.ts';
import { type CheckSpec, percent } from './check.ts';
import { attackAnew, mainParameters } from './fresh.ts';
import { count, without } from './lists.ts';

const TIMES = 10;
/** No attack of more steps than that. */
const MOST_STEPS = 1000;
/** What steps may still win before the number is another one: a point to look at, five to disbelieve. */
const [WORTH_SAYING, TOLERATED] = [0.01, 0.05];

/** More steps do not lower the accuracy further (Carlini et al., arXiv:1902.06705, §5.2). */
export const converged: CheckSpec = {
  id: 'converged',
  title: 'The attack has converged',
  async run(evidence) {
    const { threat, y } = evidence;
    if (!threat || y.length === 0) return undefined;
    const { steps, stepSize } = mainParameters({ ...evidence, threat });
    // The same start and the same steps: a shorter run is the beginning of a longer one.
    const after = (count: number) =>
      attackAnew(evidence, 'pgd', {
        threat,
        parameters: { steps: count, stepSize, restarts: 1 },
        use: 'steps',
      });
    const many = Math.max(steps, Math.min(TIMES * steps, MOST_STEPS));
    const early = await after(Math.floor(0.9 * steps));
    const all = await after(steps);
    const long = await after(many);
    if (!early || !all || !long) return undefined;
    const n = y.length;
    const lastTenth = without(all, early);
    const later = without(long, all);
    const standing = standingOf(evidence);
    // What another attack of the audit broke is in its number already.
    const beyond = standing ? long.filter((b, i) => b && standing[i]).length : later;
    const pays = surelyAbove(lastTenth, n, WORTH_SAYING) || surelyAbove(later, n, WORTH_SAYING);
    return {
      verdict: surelyAbove(beyond, n, TOLERATED) ? 'fail' : pays || beyond > 1 ? 'warn' : 'pass',
      figures: { samples: n, steps, broken: count(all), lastTenth, manySteps: many, later, beyond },
      message:
        beyond > 0
          ? `${many} steps break ${beyond} of ${n} sampled images (${percent(beyond / n)}) that the audit left standing.`
          : pays
            ? `Steps still pay: the last tenth of ${steps} breaks ${lastTenth} of ${n} sampled images, ${many} steps ${later} more.`
            : `Of ${n} sampled images the last tenth of ${steps} steps breaks ${lastTenth}, and ${many} steps ${later} more.`,
    };
  },
};

/** Per image of the sample, whether no attack of the audit broke it; undefined where that is not known. */
function standingOf({ broken, indices }: Parameters<CheckSpec['run']>[0]): boolean[] | undefined {
  if (!indices || broken.size === 0) return undefined;
  return indices.map((i) => [...broken.values()].every((list) => !list[i]));
}
