import { TouchstoneError } from '../errors.ts';
import {
  ascentStep,
  attacks,
  type Classifier,
  gather,
  gatherLabels,
  type Images,
  predictions,
} from '../eval/index.ts';
import type { Key } from '../random/index.ts';
import type { TrainingThreat } from './method.ts';
import type { Validation } from './records.ts';

/** Thrown through an attack that was told to stop. */
class Stopped extends Error {}

export interface ValidateOptions {
  readonly classifier: Classifier;
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: TrainingThreat;
  /** Of PGD, whose step size is 2.5·ε/steps (Madry et al.): it can cross the ball and come back. */
  readonly steps: number;
  /** The same in every epoch, so that epochs can be compared. */
  readonly key: Key;
  readonly signal?: AbortSignal | undefined;
}

/** Natural and PGD accuracy on images held out of training; undefined where the signal stopped it. */
export async function validate(options: ValidateOptions): Promise<Validation | undefined> {
  const { x, y, threat, steps, key, signal } = options;
  const started = performance.now();
  const stop = () => {
    if (signal?.aborted) throw new Stopped();
  };
  const classifier: Classifier = {
    classes: options.classifier.classes,
    logits(images) {
      stop();
      return options.classifier.logits(images);
    },
    gradient(...args) {
      stop();
      return options.classifier.gradient(...args);
    },
    ascend(...args) {
      stop();
      return ascentStep(options.classifier, ...args);
    },
  };
  try {
    const predicted = predictions(await classifier.logits(x), classifier.classes);
    const right = Array.from(y.keys()).filter((n) => predicted[n] === y[n]);
    let broken = 0;
    if (right.length > 0) {
      const attacked = await attacks.pgd.run({
        classifier,
        x: gather(x, right),
        y: gatherLabels(y, right),
        threat,
        parameters: { steps, stepSize: (2.5 * threat.epsilon) / steps, restarts: 1 },
        key,
      });
      broken = attacked.broken.filter(Boolean).length;
    }
    return {
      accuracy: right.length / y.length,
      robustAccuracy: (right.length - broken) / y.length,
      seconds: (performance.now() - started) / 1000,
    };
  } catch (error) {
    if (error instanceof Stopped) return undefined;
    throw error;
  }
}

/** A run whose numbers are no numbers any more. */
export const diverged = (
  epoch: number,
  batch: number,
  learningRate: number,
  cause?: unknown,
): TouchstoneError =>
  new TouchstoneError(
    'E_RANGE',
    `the loss is not finite in epoch ${epoch}, mini-batch ${batch}`,
    `a finite loss (the learning rate was ${Number(learningRate.toPrecision(3))})`,
    'pass a smaller --lr, or a longer --warmup; the checkpoint of the last whole epoch is kept',
    { cause },
  );
