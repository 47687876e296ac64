import type { Key } from '../../random/index.ts';
import { attacks } from '../attacks/index.ts';
import { gather, gatherLabels, type Images } from '../images.ts';
import type { Threat } from '../threat.ts';
import {
  type AuditControls,
  type AuditPlan,
  type AuditSubject,
  type Cost,
  costing,
  NOTHING,
} from './plan.ts';

/** A curve shows a shape: 10 steps of a quarter of the radius are enough, at a quarter of the cost of 40. */
export const CURVE_STEPS = 10;

export interface CurvePoint extends Cost {
  readonly epsilon: number;
  /** Images that are classified correctly at this radius. */
  readonly standing: number;
}

/** Clean images that are classified correctly. */
export interface Targets {
  readonly x: Images;
  readonly y: Int32Array;
}

/**
 * PGD over rising radii. An image broken at a smaller radius is broken at a larger one (its example lies in that ball, too)
 * and is not attacked again.
 *
 * @param crashed an attack has crashed already, and the result says so: where the curve's does too, it ends there
 */
export async function epsilonCurve(
  { classifier, counts }: AuditSubject,
  { threat, curve }: Pick<AuditPlan, 'threat' | 'curve'>,
  targets: Targets,
  { key, crashed, onProgress, signal }: AuditControls & { readonly key: Key; readonly crashed: boolean },
): Promise<CurvePoint[]> {
  if (curve.length === 0) return [];
  const points: CurvePoint[] = [{ ...NOTHING, epsilon: 0, standing: targets.y.length }];
  let left = targets;
  for (const [i, factor] of curve.entries()) {
    signal?.throwIfAborted();
    const at: Threat = { ...threat, epsilon: threat.epsilon * factor };
    const parameters = { steps: CURVE_STEPS, stepSize: at.epsilon / 4 };
    const input = { classifier, ...left, threat: at, parameters, key: key.fold('sweep', i) };
    const onCurve = (f: number) => onProgress?.(`ε curve ${i + 1}/${curve.length}`, f);
    try {
      const { value, cost } = await costing(counts, async () =>
        left.y.length > 0 ? (await attacks.pgd.run({ ...input, onProgress: onCurve })).broken : [],
      );
      const standing = value.flatMap((broken, k) => (broken ? [] : [k]));
      left = { x: gather(left.x, standing), y: gatherLabels(left.y, standing) };
      points.push({ ...cost, epsilon: at.epsilon, standing: standing.length });
    } catch (error) {
      if (!crashed) throw error;
      break;
    }
  }
  return points;
}
