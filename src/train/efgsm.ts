/**
 * Enhanced FGSM (eFGSM): a start that remembers each image's past perturbations, then a step to the nearest class.
 *
 * E.-C. Chen, C.-R. Lee, "Towards Fast and Robust Adversarial Training for Image Classification", ACCV 2020, eqs. 11–14
 * and 16 (with the reconstructor), §3.2 (the count of robust images), §4.2 (with TRADES' loss).
 *
 * Where the paper leaves it open: eq. (11) has κ·sign(I) and eq. (14) a κ that carries the sign already; it is counted once,
 * so the start is P(κ), κ ~ N(sign(Γ)ε, σ²). "sign ∇Z" of eq. (12) is DeepFool's direction, that of ∇Z_i − ∇Z_t for the
 * nearest class i. σ is not given (ε/2 here), nor is the label smoothing (0.1, as in its reference [28]).
 *
 * An image counts as robust (§3.2) where the boundaries, linearised at x^eFGSM, are further than ε from x itself, eq. (9): it
 * is x that the ε-ball is around. Their distance from x^eFGSM, Δ, says how far a point is that may be ε away already.
 *
 * As in eq. (12), x_adv is clipped to [0, 1] only: it may leave the ε-ball, and on MNIST with ε = 0.3 has to, or Δ shrinks as
 * training goes on (`reach: 'ball'` keeps it in). Under augmentation Γ stays with the image's own pixels: votes are moved
 * as the pixels are.
 *
 * #BP: the minimum over i ≠ t takes K − 1 gradients, so K with the update; `rivals: 1` looks at the runner-up only, 2.
 */
import { forEachImage, type Images, imageSize, type LossGradient, project } from '../eval/index.ts';
import { normal } from '../random/index.ts';
import type { StepRecord } from './measures.ts';
import {
  type Method,
  type MethodContext,
  type MethodState,
  recordOf,
  type StepArguments,
  type Update,
} from './method.ts';
import { reconstruction } from './objectives/index.ts';
import type { MethodOptions } from './options.ts';
import { rivalGradients } from './rivals.ts';
import { tradesAdversary } from './trades.ts';

/** What the linearised network says of each sample. */
interface Boundary {
  /** Δ, `[N]`; infinite where no gradient leads anywhere. */
  readonly distance: Float32Array;
  /** ∇Z_i − ∇Z_t of the class i that Δ leads to, shaped as x. */
  readonly direction: Float32Array;
  /** How far x itself is from the nearest of these boundaries, `[N]`; negative where it is beyond one. */
  readonly clearance: Float32Array;
}

/** Γ = 0 for every training image, before any vote. */
export const begin = ({ samples, image }: MethodContext): MethodState => ({
  numbers: {},
  arrays: { votes: new Float32Array(samples * image.reduce((a, b) => a * b, 1)) },
});

/** Calls `each` with every pixel of the batch and where its Γ is; pixels that augmentation made have none. */
function forEachVote(
  { x, indices, origins, state }: StepArguments,
  each: (pixel: number, at: number, votes: Float32Array) => void,
): void {
  const size = imageSize(x);
  const votes = state.arrays.votes!;
  forEachImage(x, (n, from, to) => {
    const row = indices[n]! * size;
    for (let i = from; i < to; i++) {
      const own = origins ? origins[i]! : i - from;
      if (own >= 0) each(i, row + own, votes);
    }
  });
}

/**
 * x^eFGSM = P(x + P(κ)), κ ~ N(sign(Γ)ε, σ²).
 *
 * @phase eFGSM eqs. 11, 14: the start
 */ // eqs. 11, 14
export function start(args: StepArguments): Images {
  const { x, threat, options, key } = args;
  const at = normal(key.fold('kappa'), x.data.length, 0, options.sigma * threat.epsilon);
  forEachVote(args, (i, v, votes) => {
    at[i] = at[i]! + threat.epsilon * Math.sign(votes[v]!);
  });
  for (let i = 0; i < at.length; i++) at[i] = at[i]! + x.data[i]!;
  project(at, x, threat);
  return { data: at, shape: x.shape };
}

/**
 * Δ = min_{i≠t} |Z_t − Z_i| / ‖∇Z_t − ∇Z_i‖₁: a backward pass for each i.
 *
 * @phase eFGSM eq. 12, Δ: the nearest boundary
 */ // eq. 12
export async function nearestBoundary(
  { learner, x, y, options }: StepArguments,
  at: Images,
): Promise<Boundary> {
  const others = rivalCount(options, learner.classes);
  const boundary: Boundary = {
    distance: new Float32Array(y.length).fill(Number.POSITIVE_INFINITY),
    direction: new Float32Array(x.data.length),
    clearance: new Float32Array(y.length).fill(Number.POSITIVE_INFINITY),
  };
  for await (const rival of rivalGradients(learner, at, y, others)) takeNearer(boundary, x, at, rival);
  return boundary;
}

const rivalCount = ({ rivals }: MethodOptions, classes: number): number =>
  Math.min(rivals || classes - 1, classes - 1);

/** Takes over the samples whose boundary with another class is nearer than those before, given Z_i − Z_t and its gradient. */
function takeNearer(
  { distance, direction, clearance }: Boundary,
  x: Images,
  at: Images,
  { loss: gap, gradient }: LossGradient,
): void {
  forEachImage(x, (n, from, to) => {
    let [norm, moved] = [0, 0];
    for (let i = from; i < to; i++) {
      norm += Math.abs(gradient[i]!);
      moved += gradient[i]! * (at.data[i]! - x.data[i]!);
    }
    // Without a gradient nothing is known of the distance.
    clearance[n] = Math.min(clearance[n]!, norm > 0 ? (moved - gap[n]!) / norm : Number.NEGATIVE_INFINITY);
    const found = norm > 0 ? Math.abs(gap[n]!) / norm : Number.POSITIVE_INFINITY;
    if (found >= distance[n]!) return;
    distance[n] = found;
    direction.set(gradient.subarray(from, to), from);
  });
}

/**
 * x_adv = P(x^eFGSM + sign(∇Z)·Δ).
 *
 * @phase eFGSM eq. 12, x_adv: the step across
 */ // eq. 12
export function stepAcross(
  { x, threat, options }: StepArguments,
  at: Images,
  { distance, direction }: Boundary,
): Images {
  const data = at.data.slice();
  forEachImage(x, (n, from, to) => {
    if (!Number.isFinite(distance[n]!)) return;
    for (let i = from; i < to; i++) data[i] = data[i]! + Math.sign(direction[i]!) * distance[n]!;
  });
  project(data, x, options.reach === 'ball' ? threat : { norm: 'linf', epsilon: 1 });
  return { data, shape: x.shape };
}

/**
 * Γ ← 0.95Γ + sign(x_adv − x), once per image and epoch.
 *
 * @phase eFGSM eq. 13: the votes
 */ // eq. 13
export function vote(args: StepArguments, adversarial: Images): void {
  const { x, indices, options, state } = args;
  const size = imageSize(x);
  const votes = state.arrays.votes!;
  for (let n = 0; n < indices.length; n++) {
    const row = indices[n]! * size;
    for (let i = row; i < row + size; i++) votes[i] = options.decay * votes[i]!;
  }
  forEachVote(args, (i, v) => {
    votes[v] = votes[v]! + Math.sign(adversarial.data[i]! - x.data[i]!);
  });
}

/** One mini-batch: the examples, Γ, then what `learn` does with them. */
async function step(
  args: StepArguments,
  learn: (adversarial: Images) => Promise<Update>,
): Promise<StepRecord> {
  const { learner, threat, options } = args;
  const at = start(args); // eqs. 11, 14
  const boundary = await nearestBoundary(args, at); // eq. 12
  const adversarial = stepAcross(args, at, boundary); // eq. 12
  vote(args, adversarial); // eq. 13
  const robust = boundary.clearance.filter((distance) => distance > threat.epsilon);
  return recordOf(await learn(adversarial), {
    attackSteps: rivalCount(options, learner.classes),
    robustShare: robust.length / args.y.length, // §3.2
  });
}

/**
 * Classifier and reconstructor learn together.
 *
 * @phase eFGSM eq. 16: one update of both networks
 */ // eq. 16
export const learnBoth = ({ learner, x, y }: StepArguments, adversarial: Images): Promise<Update> =>
  learner.update(adversarial, y, { objective: reconstruction, feeds: { clean: x } });

const source =
  'Chen, Lee, "Towards Fast and Robust Adversarial Training for Image Classification", ACCV 2020';
const defaults = { smoothing: 0.1, decay: 0.95, sigma: 0.5, rivals: 0, reach: 'free' } as const;

export const efgsm: Method = {
  name: 'efgsm',
  about: 'enhanced FGSM: a start from past perturbations, then a step to the nearest class',
  source: `${source}, eqs. 11–14`,
  defaults,
  tracksPixels: true,
  begin,
  step: (args) => step(args, (adversarial) => args.learner.update(adversarial, args.y)),
};

export const efgsmReconstructor: Method = {
  name: 'efgsm+reconstructor',
  about: 'eFGSM with a second network that must make the clean image of what the classifier says',
  source: `${source}, eq. 16, fig. 1`,
  defaults: { ...defaults, lambda: 0.1 },
  companion: 'reconstructor',
  tracksPixels: true,
  begin,
  step: (args) => step(args, (adversarial) => learnBoth(args, adversarial)),
};

export const efgsmTrades: Method = {
  name: 'efgsm+trades',
  about: 'TRADES’ loss on eFGSM’s examples',
  source: `${source}, §4.2`,
  defaults: { ...defaults, beta: 6 },
  tracksPixels: true,
  begin,
  step: (args) => step(args, (adversarial) => tradesAdversary.learn(args, adversarial)),
};
