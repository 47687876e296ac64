import { TouchstoneError } from '../errors.ts';
import type { LossName } from '../losses/index.ts';
import type { Images } from './images.ts';
import type { Ball, PerImage } from './threat.ts';

/** What attacks ascend. The targeted ones read a class per image beside its label. */
export type AttackLoss = Exclude<LossName, 'kl'>;

export interface LossGradient {
  /** `[N, K]` */
  readonly logits: Float32Array;
  /** `[N]` */
  readonly loss: Float32Array;
  /** ∇ₓ of each sample's own loss, shaped as the images. */
  readonly gradient: Float32Array;
}

/** A classifier as attacks see it. Nothing here depends on how it is computed. */
export interface Classifier {
  readonly classes: number;
  /** Whether the same image may get other logits another time. @default false */
  readonly stochastic?: boolean;
  /** `[N, C, H, W]` to `[N, K]` */
  logits(x: Images): Promise<Float32Array>;
  /**
   * @param y labels, `[N]`
   * @param target classes, `[N]`: what the targeted losses read
   */
  gradient(loss: AttackLoss, x: Images, y: Int32Array, target?: Int32Array): Promise<LossGradient>;
  /**
   * A step of steepest ascent under L∞ or L2, computed where the gradient is. Optional: see `ascentStep` in ascent.ts.
   *
   * @param clean what `x` is a perturbation of
   */
  ascend?(loss: AttackLoss, x: Images, y: Int32Array, clean: Images, step: AscentStep): Promise<Ascended>;
}

export interface AscentStep {
  readonly threat: Ball;
  /** In pixel space. */
  readonly stepSize: PerImage;
  /** What the targeted losses read. */
  readonly target?: Int32Array;
}

export interface Ascended {
  /** At x, before the step: `[N, K]` */
  readonly logits: Float32Array;
  /** x after the step, projected, shaped as x. */
  readonly next: Float32Array;
}

/** The class with the largest logit of each row; the first of equals. */
export function predictions(logits: Float32Array, classes: number): Int32Array {
  const out = new Int32Array(logits.length / classes);
  for (let n = 0; n < out.length; n++) {
    let best = 0;
    for (let k = 1; k < classes; k++) if (logits[n * classes + k]! > logits[n * classes + best]!) best = k;
    out[n] = best;
  }
  return out;
}

/** @throws E_RANGE where a model gives NaN, which no attack or accuracy can be computed from */
export function assertFinite(values: Float32Array, what: string): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]!)) {
      throw new TouchstoneError(
        'E_RANGE',
        `the model's ${what} hold ${values[i]}`,
        'finite numbers',
        'check the model and its input range',
      );
    }
}
