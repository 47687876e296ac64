import type { AscentStep, Images, LossGradient, Threat } from '../eval/index.ts';
import type { Key } from '../random/index.ts';

/** What a method sees of the model under training. Each call is one pass through the network, and is counted. */
export interface Learner {
  /** Forward and backward at the current parameters, which stay as they are: logits, ℓ and ∇ₓℓ per sample. */
  gradient(x: Images, y: Int32Array): Promise<LossGradient>;
  /**
   * x ← Π(x + α·sign ∇ℓ(x)), around `clean`: the same passes, and the step where the gradient is.
   *
   * @param times how many such steps; what is between them may stay on the device
   * @default times 1
   */
  ascend(x: Images, y: Int32Array, clean: Images, step: AscentStep, times?: number): Promise<Float32Array>;
  /** One optimizer step on the mean loss of these images. */
  update(x: Images, y: Int32Array): Promise<Update>;
  /**
   * Whether both compute the same function. BatchNormalization with running statistics in `gradient` and the batch's in
   * `update` makes them two, and then a loss of the one cannot be compared with a loss of the other.
   */
  readonly consistent: boolean;
}

export interface Update {
  /** ℓ per sample before the step, `[N]`. */
  readonly loss: Float32Array;
  /** Samples classified correctly before the step. */
  readonly correct: number;
}

/** The threat that the methods here train against. */
export type TrainingThreat = Threat & { readonly norm: 'linf' };

/** Where the perturbation starts: δ = 0, or uniform in the ball. */
export type Start = 'zero' | 'random';

/** H in ∇ℓ(x + δ) ≈ J + Hδ: eq. (8) of the GAAT paper, or no second order. */
export type Hessian = 'gauss-newton' | 'none';

export interface MethodOptions {
  readonly start: Start;
  readonly hessian: Hessian;
}

export interface StepArguments {
  readonly learner: Learner;
  /** `[N, C, H, W]` in [0, 1] */
  readonly x: Images;
  /** `[N]` */
  readonly y: Int32Array;
  readonly threat: TrainingThreat;
  /** T */
  readonly steps: number;
  /** α, in pixel space. */
  readonly stepSize: number;
  readonly options: MethodOptions;
  /** This mini-batch's own. */
  readonly key: Key;
}

/** What one mini-batch gave. */
export interface StepRecord {
  /** Samples. */
  readonly n: number;
  /** Mean loss of what was trained on, before the step. */
  readonly loss: number;
  readonly correct: number;
  /** Share of the samples whose direction the second order turned round. */
  readonly flipRate?: number;
  /** Mean R(x, δ), eq. (4) of the GAAT paper. */
  readonly residual?: number;
}

/** A training method: what it does with a mini-batch. It knows nothing of engines, data sets or schedules. */
export interface Method {
  readonly name: string;
  readonly about: string;
  readonly source: string;
  readonly defaults: MethodOptions;
  step(args: StepArguments): Promise<StepRecord>;
}

/** The mean of n numbers, summed in double precision. */
export const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/** An update as a record. */
export const recordOf = ({ loss, correct }: Update): StepRecord => ({
  n: loss.length,
  loss: meanOf(loss),
  correct,
});
