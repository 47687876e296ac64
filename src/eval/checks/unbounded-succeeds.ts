import { imageSize } from '../images.ts';
import type { Norm } from '../threat.ts';
import { lowerBound, surelyAbove } from './chance.ts';
import { type CheckSpec, percent } from './check.ts';
import { attackAnew, mainParameters } from './fresh.ts';
import { count } from './lists.ts';

/** The distance from one corner of [0, 1]^d to the opposite one. */
const DIAMETER = { linf: () => 1, l2: Math.sqrt, l1: (d: number) => d } as const satisfies Record<
  Norm,
  (d: number) => number
>;
const STEPS = 40;
/** What a bad random start may cost honest gradients: one image in fifty. */
const TOLERATED = 0.02;

/** Attacks without a bound reach every image (Chen and Lee, §2.4, property 4; Carlini et al., arXiv:1902.06705, §3.6). */
export const unboundedSucceeds: CheckSpec = {
  id: 'unbounded-succeeds',
  title: 'Without a bound nothing withstands',
  async run(evidence) {
    const { threat, y, x } = evidence;
    if (!threat || y.length === 0) return undefined;
    const epsilon = DIAMETER[threat.norm](imageSize(x));
    const steps = Math.max(STEPS, mainParameters({ ...evidence, threat }).steps);
    const broken = await attackAnew(evidence, 'pgd', {
      threat: { ...threat, epsilon },
      parameters: { steps, stepSize: epsilon / 10, restarts: 1 },
      use: 'unbounded',
    });
    if (!broken) return undefined;
    const left = y.length - count(broken);
    return {
      verdict: surelyAbove(left, y.length, TOLERATED) ? 'fail' : left > 0 ? 'warn' : 'pass',
      figures: { samples: y.length, left, epsilon, steps, atLeast: lowerBound(left, y.length) },
      message:
        left === 0
          ? `PGD breaks all ${y.length} sampled images where it may change them at will.`
          : `PGD leaves ${left} of ${y.length} sampled images (${percent(left / y.length)}) though it may change them at will: its gradients lead nowhere.`,
    };
  },
};
