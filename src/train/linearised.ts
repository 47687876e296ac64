/**
 * DeepFool's steps on the network as it is at x, for GAAT: z_k − z_y of each rival class k is taken to be linear in δ.
 *
 * S.-M. Moosavi-Dezfooli, A. Fawzi, P. Frossard, "DeepFool: a simple and accurate method to fool deep neural networks",
 * arXiv:1511.04599, Alg. 2 with its L∞ step, overshoot 0.02 and ten classes. Differs: the gradients are those at x
 * throughout; a step goes α at most, and stays in the ball and in [0, 1].
 */
import { forEachImage, type Images, project } from '../eval/index.ts';
import type { StepArguments } from './method.ts';
import { rivalGradients } from './rivals.ts';

const OVERSHOOT = 0.02;
/** Beside the label's. */
const RIVALS = 9;

/** The boundary with the r-th strongest rival class, for each r. */
interface Boundary {
  /** z_k − z_y at x, `[N]` */
  readonly gap: Float32Array;
  /** Its gradient, shaped as x. */
  readonly slope: Float32Array;
}

/** The boundaries with the strongest rivals: a gradient each. */
export async function linearise({ learner, x, y }: StepArguments): Promise<Boundary[]> {
  const boundaries: Boundary[] = [];
  for await (const { loss, gradient } of rivalGradients(learner, x, y, Math.min(RIVALS, learner.classes - 1)))
    boundaries.push({ gap: loss, slope: gradient });
  return boundaries;
}

/** One image, and the boundaries around it. */
interface View {
  readonly x: Images;
  readonly at: Float32Array;
  readonly gaps: readonly number[];
  readonly slopes: readonly Float32Array[];
}

/** z_k − z_y + w_k·δ for each rival k. */
const gapsAt = ({ x, at, gaps, slopes }: View): number[] =>
  gaps.map((gap, k) => {
    const slope = slopes[k]!;
    let sum = gap;
    for (let i = 0; i < at.length; i++) sum += slope[i]! * (at[i]! - x.data[i]!);
    return sum;
  });

const l1 = (v: Float32Array): number => v.reduce((sum, value) => sum + Math.abs(value), 0);

/** Steps to the nearest boundary, until it is crossed. @returns the margin there, max_k z_k − z_y + w_k·δ */
function approach(view: View, { threat, steps, stepSize }: StepArguments): number {
  const norms = view.slopes.map(l1);
  for (let t = 0; t < steps; t++) {
    const gaps = gapsAt(view);
    const distances = gaps.map((gap, k) => (norms[k]! > 0 ? -gap / norms[k]! : Number.POSITIVE_INFINITY));
    const nearest = Math.min(...distances);
    if (nearest < 0 || nearest === Number.POSITIVE_INFINITY) break; // crossed, or nowhere to go
    const slope = view.slopes[distances.indexOf(nearest)]!;
    const length = Math.min(stepSize, (1 + OVERSHOOT) * nearest);
    for (let i = 0; i < slope.length; i++) view.at[i] = view.at[i]! + length * Math.sign(slope[i]!);
    project(view.at, view.x, threat);
  }
  return Math.max(...gapsAt(view));
}

/** x + δᵀ, and the margin that the linearisation has there. */
export async function deepfoolPerturb(args: StepArguments, from: Float32Array) {
  const { x } = args;
  const boundaries = await linearise(args);
  const adversarial = from.slice();
  const predicted = new Float32Array(x.shape[0]!);
  forEachImage(x, (n, begin, end) => {
    const view: View = {
      x: { data: x.data.subarray(begin, end), shape: [1, ...x.shape.slice(1)] },
      at: adversarial.subarray(begin, end),
      gaps: boundaries.map(({ gap }) => gap[n]!),
      slopes: boundaries.map(({ slope }) => slope.subarray(begin, end)),
    };
    predicted[n] = approach(view, args);
  });
  return { adversarial, predicted, passes: boundaries.length };
}
