import type { Ascended, Images, LossGradient, Threat } from '../eval/index.ts';
import type { LossName } from '../losses/index.ts';
import type { Key } from '../random/index.ts';
import type { StepRecord } from './measures.ts';
import type { Objective } from './objectives/index.ts';
import type { MethodOptions } from './options.ts';
import type { EpochRecord } from './records.ts';

/** Another loss than the cross-entropy with the labels. */
export interface LossRequest {
  /** @default 'ce' */
  readonly loss?: Exclude<LossName, 'dlr-targeted'>;
  /** Probabilities to compare with, `[N, K]`: what `kl` reads. */
  readonly q?: Float32Array;
  /** Other classes, `[N]`: what `margin-targeted` reads. */
  readonly target?: Int32Array;
}

/** A step of an attack in training: all images have the same radius and step. */
export interface TrainingStep extends LossRequest {
  readonly threat: TrainingThreat;
  /** In pixel space. */
  readonly stepSize: number;
}

/** What a method sees of the model under training. Each call is one pass through the network, and is counted. */
export interface Learner {
  readonly classes: number;
  /** Forward at the current parameters: `[N, K]`. */
  logits(x: Images): Promise<Float32Array>;
  /** Forward and backward at the current parameters, which stay as they are: logits, ℓ and ∇ₓℓ per sample. */
  gradient(x: Images, y: Int32Array, of?: LossRequest): Promise<LossGradient>;
  /**
   * x ← Π(x + α·sign ∇ℓ(x)), around `clean`: the same passes, and the step where the gradient is.
   *
   * @param times how many such steps; what is between them may stay on the device
   * @default times 1
   * @returns x after the last step, and the logits before it
   */
  ascend(x: Images, y: Int32Array, clean: Images, step: TrainingStep, times?: number): Promise<Ascended>;
  /** ∇ₓℓ and Hv per sample, exactly: a forward and two backward passes. */
  hessianVector(
    x: Images,
    y: Int32Array,
    v: Float32Array,
    of?: LossRequest,
  ): Promise<LossGradient & { readonly hvp: Float32Array }>;
  /** Hv alone, where ∇ₓℓ is known: a forward and, as engines count, one backward pass. */
  hessianProduct(x: Images, y: Int32Array, v: Float32Array, of?: LossRequest): Promise<Float32Array>;
  /** One optimizer step on the mean loss of these images. */
  update(x: Images, y: Int32Array, request?: UpdateRequest): Promise<Update>;
  /**
   * Whether both compute the same function. BatchNormalization with running statistics in `gradient` and the batch's in
   * `update` makes them two, and then a loss of the one cannot be compared with a loss of the other.
   */
  readonly consistent: boolean;
}

export interface UpdateRequest {
  /** What is descended. @default the cross-entropy, label-smoothed where that is asked for */
  readonly objective?: Objective;
  /** What the objective reads beside x and y: images, or anything else with the batch first. */
  readonly feeds?: Readonly<Record<string, Images>>;
  /** Whether ∇ₓℓ per sample is wanted from the same backward pass. @default false */
  readonly inputGradient?: boolean;
}

export interface Update {
  /** ℓ per sample before the step, `[N]`. */
  readonly loss: Float32Array;
  /** Before the step, `[N, K]`: of the images that the objective classifies. */
  readonly logits: Float32Array;
  /** Samples classified correctly before the step. */
  readonly correct: number;
  /** ∇ₓℓ per sample before the step, where asked for. */
  readonly gradient?: Float32Array;
}

/** The threat that the methods here train against. */
export type TrainingThreat = Threat & { readonly norm: 'linf' };

/**
 * What a method remembers between mini-batches. It is saved with the run, so that one that is resumed goes on bit for bit:
 * plain numbers and arrays only, changed in place.
 */
export interface MethodState {
  readonly numbers: Record<string, number>;
  readonly arrays: Record<string, Float32Array>;
}

/** What is known of a run before it begins. */
export interface MethodContext {
  /** Training images. */
  readonly samples: number;
  readonly batches: number;
  /** Channels, height, width. */
  readonly image: readonly number[];
  readonly classes: number;
  /** T and α. */
  readonly steps: number;
  readonly stepSize: number;
  readonly threat: TrainingThreat;
  readonly epochs: number;
  readonly options: MethodOptions;
}

export interface StepArguments {
  readonly learner: Learner;
  /** `[N, C, H, W]` in [0, 1] */
  readonly x: Images;
  /** `[N]` */
  readonly y: Int32Array;
  /** Which images of the training set these are, `[N]`. */
  readonly indices: ArrayLike<number>;
  /**
   * Where in its own image, before augmentation, each element of x was: an index below C·H·W, −1 for what augmentation made.
   * For methods that track pixels; absent without augmentation.
   */
  readonly origins?: Int32Array;
  /** From 0. */
  readonly epoch: number;
  readonly threat: TrainingThreat;
  /** T */
  readonly steps: number;
  /** α, in pixel space. */
  readonly stepSize: number;
  readonly options: MethodOptions;
  readonly state: MethodState;
  /** This mini-batch's own. */
  readonly key: Key;
}

/** A training method: what it does with a mini-batch. It knows nothing of engines, data sets or schedules. */
export interface Method {
  readonly name: string;
  readonly about: string;
  readonly source: string;
  /** The options that it looks at, with their defaults. */
  readonly defaults: Partial<MethodOptions>;
  /** T and α (in units of ε) where nothing else is given. @default as for all methods */
  readonly attack?: { readonly steps?: number; readonly stepSize?: number };
  /** A second network that is trained beside the classifier and dropped at export. */
  readonly companion?: 'reconstructor';
  /** Whether it asks for `origins`. @default false */
  readonly tracksPixels?: boolean;
  /** What it remembers at the start. @default nothing */
  begin?(context: MethodContext): MethodState;
  step(args: StepArguments): Promise<StepRecord>;
  /** After each epoch: rules that change what the next one does. */
  endEpoch?(state: MethodState, record: EpochRecord, context: MethodContext): void;
  /** How many epochs an allowance of them pays for, where mini-batches are replayed. @default all */
  epochs?(allowance: number, options: MethodOptions): number;
}

export const noState = (): MethodState => ({ numbers: {}, arrays: {} });

/** The mean of n numbers, summed in double precision. */
export const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/** An update as a record. */
export const recordOf = ({ loss, correct }: Update, measures?: StepRecord['measures']): StepRecord => ({
  n: loss.length,
  loss: meanOf(loss),
  correct,
  ...(measures && { measures }),
});
