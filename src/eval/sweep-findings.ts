import { binomialTail } from './checks/chance.ts';
import { epsilonMonotone } from './checks/epsilon-monotone.ts';
import type { Verdict } from './checks/index.ts';
import { count, without } from './checks/lists.ts';
import { oneStepBeatsMany } from './checks/one-step-beats-many.ts';
import type { NamedFinding } from './checks/run.ts';
import { unboundedSucceeds } from './checks/unbounded-succeeds.ts';
import type { SweepSetting } from './sweep-setting.ts';

/** What a sweep is judged by. */
export interface SweepEvidence {
  /** Rising. */
  readonly epsilons: readonly number[];
  readonly settings: readonly SweepSetting[];
  /** By setting and ε: which images are broken, those carried over included. */
  readonly broken: readonly (readonly (readonly boolean[])[])[];
  /** The same of the sample that is attacked anew in every cell. */
  readonly anew: readonly (readonly (readonly boolean[])[])[];
  /** The radius from which on the ball holds every image. */
  readonly whole: number;
}

/** How sure the worst of all comparisons must be. */
const LEVEL = 0.05;
/** A share of the sample by which numbers may differ as starts do. */
const SLACK = 0.01;
/** What a bad start may cost honest gradients where there is no bound. */
const TOLERATED = 0.02;
/** From so many steps on, an attack finds its way: fewer may well break less in a larger ball, or miss. */
const MANY = 10;

/** Two cells of which the second should break no less. */
interface Pair {
  readonly what: string;
  readonly weaker: readonly boolean[];
  readonly stronger: readonly boolean[];
}

/**
 * Properties 2 to 4 of Chen and Lee, "Towards Fast and Robust Adversarial Training for Image Classification", §2.4, on what is no theorem
 * of the sweep's own making: numbers of attacks made anew, and an end of the curve that must be 0.
 */
export function judgeSweep(evidence: SweepEvidence): NamedFinding[] {
  const byRadius = compared(epsilonMonotone, pairsByRadius(evidence), 'A larger ε breaks no fewer images');
  const bySteps = compared(oneStepBeatsMany, pairsBySteps(evidence), 'More steps break no fewer images');
  return [byRadius, bySteps, unbounded(evidence)].filter((finding) => finding !== undefined);
}

function pairsByRadius({ epsilons, settings, anew }: SweepEvidence): Pair[] {
  return settings.flatMap((setting, s) => {
    if (setting.steps < MANY) return [];
    return epsilons.flatMap((larger, l) =>
      epsilons.slice(0, l).map((smaller, m) => ({
        what: `ε ${text(larger)} breaks fewer than ε ${text(smaller)} in ${setting.steps} steps`,
        weaker: anew[s]![m]!,
        stronger: anew[s]![l]!,
      })),
    );
  });
}

/** Settings that differ in their steps, and in the step size that comes with them. */
function pairsBySteps({ epsilons, settings, anew }: SweepEvidence): Pair[] {
  return settings.flatMap((more, s) =>
    settings.slice(0, s).flatMap((less, o) => {
      if (less.restarts !== more.restarts || less.steps >= more.steps || more.steps < MANY) return [];
      return epsilons.map((epsilon, e) => ({
        what: `${more.steps} steps break fewer than ${less.steps} at ε ${text(epsilon)}`,
        weaker: anew[o]![e]!,
        stronger: anew[s]![e]!,
      }));
    }),
  );
}

/** The sign test on every pair, for all of them at once (Bonferroni). */
function compared(
  { id, title }: Pick<NamedFinding, 'id' | 'title'>,
  pairs: readonly Pair[],
  good: string,
): NamedFinding | undefined {
  const n = pairs[0]?.weaker.length ?? 0;
  if (n === 0) return undefined;
  const judged = pairs.map(({ what, weaker, stronger }) => {
    const [lost, gained] = [without(weaker, stronger), without(stronger, weaker)];
    return { what, fewer: count(weaker) - count(stronger), chance: binomialTail(lost, lost + gained, 0.5) };
  });
  const worst = judged.reduce((a, b) => (b.fewer > a.fewer ? b : a));
  const sure = judged.filter(({ fewer, chance }) => fewer > 0 && chance < LEVEL / pairs.length);
  const seen = worst.fewer > SLACK * n;
  const verdict: Verdict = sure.length > 0 ? 'fail' : seen ? 'warn' : 'pass';
  return {
    id,
    title,
    verdict,
    figures: {
      comparisons: pairs.length,
      worse: sure.length,
      images: n,
      largestLoss: Math.max(0, worst.fewer),
    },
    message:
      verdict === 'pass'
        ? `${good}, of the ${n} attacked anew.`
        : `${worst.what}: ${worst.fewer} of ${n} images fewer${verdict === 'fail' ? '' : ', which may be chance'}.`,
  };
}

/** At a radius that reaches every image, some image of another class is in reach of each. */
function unbounded({ epsilons, settings, broken, whole }: SweepEvidence): NamedFinding | undefined {
  const e = epsilons.findIndex((epsilon) => epsilon >= whole);
  const n = broken[0]?.[0]?.length ?? 0;
  if (e < 0 || n === 0) return undefined;
  const standing = settings.flatMap(({ steps }, s) => (steps < MANY ? [] : [n - count(broken[s]![e]!)]));
  if (standing.length === 0) return undefined;
  const least = Math.min(...standing);
  const surely = binomialTail(least, n, TOLERATED) < LEVEL;
  const { id, title } = unboundedSucceeds;
  return {
    id,
    title,
    verdict: least === 0 ? 'pass' : surely ? 'fail' : 'warn',
    figures: { epsilon: epsilons[e]!, standing: least, images: n },
    message:
      least === 0
        ? 'Where any image is allowed, none stands.'
        : `${least} of ${n} images stand at ε ${text(epsilons[e]!)}, where any image is allowed: the attack is led astray.`,
  };
}

const text = (epsilon: number): string => String(Number(epsilon.toPrecision(4)));
