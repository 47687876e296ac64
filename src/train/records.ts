/** What training keeps of itself: sums while an epoch is under way, a record when it is over. */
import type { Counts, TrainingState } from '../engine/index.ts';
import type { Tensor } from '../graph/index.ts';
import { MEASURES, type Measure, type StepRecord } from './measures.ts';
import type { MethodState } from './method.ts';

/**
 * An epoch, as a line of `history.jsonl`. A superset of `training.epochs` in the result's schema, with its units:
 * `forwards` and `backwards` count images, `forwardPasses` and `backwardPasses` mini-batches. Validation is not in them.
 */
export interface EpochRecord extends Readonly<Record<Measure, number | null>> {
  /** From 1. */
  readonly epoch: number;
  /** Of the last mini-batch. */
  readonly learningRate: number;
  /** Mean over what was trained on. */
  readonly loss: number;
  /** On what was trained on, adversarial examples where the method makes them. */
  readonly trainAccuracy: number;
  /** On images held out of training; null where none are. */
  readonly validationAccuracy: number | null;
  readonly validationRobustAccuracy: number | null;
  readonly batches: number;
  readonly forwards: number;
  readonly backwards: number;
  readonly forwardPasses: number;
  readonly backwardPasses: number;
  /** #BP: backward passes per mini-batch, counted. */
  readonly backwardsPerBatch: number;
  /** Of training. */
  readonly seconds: number;
  /** `other`: the perturbation's arithmetic, batches, augmentation. */
  readonly secondsPerPhase: { readonly gradient: number; readonly update: number; readonly other: number };
  readonly validationSeconds: number;
  /** Of the first mini-batch of the epoch's data, under PGD; null unless a stop rule asks for it. */
  readonly probeRobustAccuracy: number | null;
  /** Why the run stops after this epoch; null where it does not. */
  readonly stop: string | null;
}

/** The sums of an epoch under way. Plain numbers, so that JSON keeps them exactly. */
export interface Sums {
  n: number;
  batches: number;
  loss: number;
  correct: number;
  /** Sums of what the method measures, each over the samples that it was measured on. */
  measures: Partial<Record<Measure, { sum: number; n: number }>>;
  forwards: number;
  backwards: number;
  forwardPasses: number;
  backwardPasses: number;
  seconds: number;
  gradientSeconds: number;
  updateSeconds: number;
}

export const noSums = (): Sums => ({
  n: 0,
  batches: 0,
  loss: 0,
  correct: 0,
  measures: {},
  forwards: 0,
  backwards: 0,
  forwardPasses: 0,
  backwardPasses: 0,
  seconds: 0,
  gradientSeconds: 0,
  updateSeconds: 0,
});

/** Adds a mini-batch. */
export function addStep(
  sums: Sums,
  step: StepRecord,
  passes: Counts,
  seconds: { readonly all: number; readonly gradient: number; readonly update: number },
): void {
  sums.n += step.n;
  sums.batches += 1;
  sums.loss += step.loss * step.n;
  sums.correct += step.correct;
  for (const [name, value] of Object.entries(step.measures ?? {}) as [Measure, number][]) {
    const { sum, n } = sums.measures[name] ?? { sum: 0, n: 0 };
    const weight = MEASURES[name] === 'mean' ? step.n : 1;
    sums.measures[name] = { sum: sum + value * weight, n: n + step.n };
  }
  sums.forwards += passes.forwardImages;
  sums.backwards += passes.backwardImages;
  sums.forwardPasses += passes.forward;
  sums.backwardPasses += passes.backward;
  sums.seconds += seconds.all;
  sums.gradientSeconds += seconds.gradient;
  sums.updateSeconds += seconds.update;
}

export interface Validation {
  readonly accuracy: number;
  readonly robustAccuracy: number;
  readonly seconds: number;
}

/** Ends an epoch. */
export const epochRecord = (
  epoch: number,
  learningRate: number,
  s: Sums,
  validation: Validation | undefined,
): EpochRecord => ({
  epoch,
  learningRate,
  loss: s.loss / s.n,
  trainAccuracy: s.correct / s.n,
  validationAccuracy: validation?.accuracy ?? null,
  validationRobustAccuracy: validation?.robustAccuracy ?? null,
  batches: s.batches,
  forwards: s.forwards,
  backwards: s.backwards,
  forwardPasses: s.forwardPasses,
  backwardPasses: s.backwardPasses,
  backwardsPerBatch: s.backwardPasses / s.batches,
  seconds: s.seconds,
  secondsPerPhase: {
    gradient: s.gradientSeconds,
    update: s.updateSeconds,
    other: Math.max(0, s.seconds - s.gradientSeconds - s.updateSeconds),
  },
  validationSeconds: validation?.seconds ?? 0,
  ...measured(s),
  probeRobustAccuracy: null,
  stop: null,
});

function measured({ measures }: Sums): Record<Measure, number | null> {
  const values = Object.entries(MEASURES).map(([name, kind]) => {
    const m = measures[name as Measure];
    if (!m) return [name, null];
    return [name, kind === 'mean' ? m.sum / m.n : m.sum];
  });
  return Object.fromEntries(values) as Record<Measure, number | null>;
}

/** Where training stands. */
export interface Cursor {
  /** Epochs completed. */
  readonly epoch: number;
  /** Mini-batches done in the epoch under way. All of them: its validation is to come. */
  readonly batch: number;
  readonly sums: Readonly<Sums>;
}

/** The parameters that are kept so far. */
export interface Best {
  readonly epoch: number;
  /** On the held-out images; null where there are none. */
  readonly robustAccuracy: number | null;
  /** Why these: they are the most robust, or the last before a stop rule's alarm. */
  readonly why: string;
  readonly parameters: ReadonlyMap<string, Tensor>;
}

/** All that is needed to go on, bit for bit. */
export interface Snapshot {
  readonly state: TrainingState;
  readonly cursor: Cursor;
  readonly history: readonly EpochRecord[];
  /** Kept where early stopping or a stop rule is on. */
  readonly best?: Best;
  /** What the method remembers. */
  readonly method: MethodState;
}

/** A mini-batch is done. */
export interface Progress {
  /** From 1, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** From 1, of `batches`. */
  readonly batch: number;
  readonly batches: number;
  /** Means over the epoch so far. */
  readonly loss: number;
  readonly accuracy: number;
  /** #BP of the whole run so far, in passes of a mini-batch. */
  readonly backwards: number;
  /** Of training, in the epoch so far. */
  readonly seconds: number;
  /** Of the whole run, validation included. */
  readonly secondsLeft: number;
}
