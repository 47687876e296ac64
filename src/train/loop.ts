import { type Engine, spent, type Trainer } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { type Classifier, engineClassifier, type Images, imageSize } from '../eval/index.ts';
import { type Graph, parameterNames } from '../graph/index.ts';
import { type Key, permutation } from '../random/index.ts';
import { createLearner, type EngineLearner, type LearnerOptions } from './learner.ts';
import { type Method, type MethodContext, type MethodState, noState, type TrainingThreat } from './method.ts';
import { natural } from './natural.ts';
import type { MethodOptions } from './options.ts';
import {
  addStep,
  type Best,
  type EpochRecord,
  epochRecord,
  noSums,
  type Progress,
  type Snapshot,
  type Sums,
  type Validation,
} from './records.ts';
import type { Schedule } from './schedule.ts';
import { type StopRuleName, stopRules } from './stop/index.ts';
import { diverged, validate } from './validate.ts';

/** A labelled mini-batch. */
export interface Sample {
  /** `[N, C, H, W]` in [0, 1] */
  readonly x: Images;
  readonly y: Int32Array;
}

/** Labelled images that can be asked for by index. */
export interface Samples {
  readonly n: number;
  batch(indices: ArrayLike<number>): Sample;
}

export interface TrainSettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly threat: TrainingThreat;
  /** T and α of the method's attack. */
  readonly steps: number;
  readonly stepSize: number;
  readonly options: MethodOptions;
  /** Ends the run before it overfits. */
  readonly stop: StopRuleName | null;
  /** From the fractional epoch to the learning rate. */
  readonly schedule: Schedule;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly classes: number;
  readonly bnMode: NonNullable<LearnerOptions['bnMode']>;
  /** Steps of the PGD that validates. */
  readonly validationSteps: number;
  /** Ends the run after so many epochs without a better robust accuracy on the validation images; null: never. */
  readonly earlyStop: number | null;
}

export interface TrainOptions {
  readonly engine: Engine;
  /** In inference form; training starts from its initializers. */
  readonly model: Graph;
  /** Which of them are trained. @default those that `parameterNames` finds */
  readonly parameters?: readonly string[];
  readonly method: Method;
  /** What the method trains beside the model; its initializers have names of their own. */
  readonly companion?: Graph;
  readonly data: Samples;
  /** Held out of training. */
  readonly validation?: Samples;
  readonly augment?: (batch: Sample, key: Key) => Sample;
  readonly settings: TrainSettings;
  readonly key: Key;
  /** Stops after the mini-batch under way. */
  readonly signal?: AbortSignal | undefined;
  /** Goes on from here. */
  readonly from?: Snapshot | undefined;
}

/** Of the PGD that a stop rule watches: Wong et al., arXiv:2001.03994. */
const PROBE_STEPS = 5;

const copyOf = <T>(value: T): T => structuredClone(value);

export type TrainEvent =
  | { readonly kind: 'batch'; readonly progress: Progress }
  | { readonly kind: 'epoch'; readonly record: EpochRecord; readonly snapshot: Snapshot }
  | { readonly kind: 'interrupted'; readonly snapshot: Snapshot };

/** `stopped`: early, by its own rule. */
export type TrainEnd = 'finished' | 'stopped' | 'interrupted';

/**
 * Trains, one event per mini-batch and per epoch. Every random number has a key of its own (`shuffle` and the epoch, `step`
 * and epoch and batch), so that a run that goes on from a snapshot goes on bit for bit.
 *
 * @throws E_RANGE where the loss is not finite any more
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent, TrainEnd> {
  const { from } = options;
  const trainer = await openTrainer(options);
  try {
    if (from) trainer.restore(from.state);
    const run = new Run(options, trainer, await learnerOf(options, trainer));
    return yield* run.epochs();
  } finally {
    await trainer.close();
  }
}

/** The engine's hold on all that a run trains. */
export const openTrainer = ({
  engine,
  model,
  settings,
  companion,
  parameters = parameterNames(model),
}: TrainOptions): Promise<Trainer> =>
  engine.trainer({
    model: companion ? together(model, companion) : model,
    parameters: [...parameters, ...(companion ? parameterNames(companion) : [])],
    optimizer: { momentum: settings.momentum, weightDecay: settings.weightDecay },
  });

/** The model under training as the run's method sees it. */
export const learnerOf = (
  { model, settings, companion }: TrainOptions,
  trainer: Trainer,
): Promise<EngineLearner> => createLearner(trainer, model, { ...settings, companion });

/** The model with the constants of both, and the nodes that tell which are statistics: what a trainer holds. */
const together = (model: Graph, companion: Graph): Graph => ({
  ...model,
  nodes: [...model.nodes, ...companion.nodes],
  initializers: new Map([...model.initializers, ...companion.initializers]),
});

/** Where augmentation takes each element from: it is shown the elements' numbers, from 1, in place of their values. */
function originsOf({ x, y }: Sample, change: (batch: Sample) => Sample): Int32Array {
  const size = imageSize(x);
  const numbered = { data: x.data.map((_, i) => 1 + (i % size)), shape: x.shape };
  return Int32Array.from(change({ x: numbered, y }).x.data, (from) => from - 1);
}

class Run {
  readonly #o: TrainOptions;
  readonly #trainer: Trainer;
  readonly #learner: EngineLearner;
  readonly #validator: Classifier;
  readonly #batches: number;
  #history: EpochRecord[];
  #best: Best | undefined;
  #epoch: number;
  #batch: number;
  #sums: Sums;
  readonly #state: MethodState;

  constructor(options: TrainOptions, trainer: Trainer, learner: EngineLearner) {
    const { from, data, model, settings } = options;
    this.#o = options;
    this.#trainer = trainer;
    this.#learner = learner;
    this.#validator = engineClassifier(trainer, model, { classes: settings.classes });
    this.#batches = Math.ceil(data.n / settings.batchSize);
    this.#history = [...(from?.history ?? [])];
    this.#best = from?.best;
    this.#epoch = from?.cursor.epoch ?? 0;
    this.#batch = from?.cursor.batch ?? 0;
    this.#sums = copyOf({ ...noSums(), ...from?.cursor.sums });
    this.#state = copyOf(from?.method ?? options.method.begin?.(this.#context()) ?? noState());
  }

  #context(): MethodContext {
    const { data, settings } = this.#o;
    const [, ...image] = data.batch([0]).x.shape;
    return { ...settings, samples: data.n, batches: this.#batches, image };
  }

  async *epochs(): AsyncGenerator<TrainEvent, TrainEnd> {
    const { settings, signal } = this.#o;
    while (this.#epoch < settings.epochs) {
      if (this.#isOver()) return 'stopped';
      yield* this.#steps();
      const validation = signal?.aborted ? undefined : await this.#validate();
      if (signal?.aborted) {
        yield { kind: 'interrupted', snapshot: this.#snapshot() };
        return 'interrupted';
      }
      const record = this.#endEpoch(validation, await this.#probe());
      yield { kind: 'epoch', record, snapshot: this.#snapshot() };
    }
    return 'finished';
  }

  /** The mini-batches that are left of the epoch, until the signal. */
  async *#steps(): AsyncGenerator<TrainEvent> {
    const { data, settings, key, signal } = this.#o;
    const order = permutation(key.fold('shuffle', this.#epoch), data.n);
    while (this.#batch < this.#batches && !signal?.aborted) {
      const at = this.#batch * settings.batchSize;
      await this.#step(order.subarray(at, at + settings.batchSize));
      yield { kind: 'batch', progress: this.#progress() };
    }
  }

  async #step(indices: Uint32Array): Promise<void> {
    const { engine, data, augment, settings, key } = this.#o;
    const { threat, steps, stepSize, options } = settings;
    const method = this.#trainsNaturally() ? natural : this.#o.method;
    const started = performance.now();
    const before = { counts: engine.counts(), ...this.#learner.seconds };
    const own = key.fold('step', this.#epoch, this.#batch);
    const plain = data.batch(indices);
    const change = (batch: Sample) => (augment ? augment(batch, own.fold('augment')) : batch);
    const { x, y } = change(plain);
    this.#learner.learningRate = this.#rate(this.#batch);
    const record = await method.step({
      learner: this.#learner,
      x,
      y,
      indices,
      ...(augment && method.tracksPixels && { origins: originsOf(plain, change) }),
      epoch: this.#epoch,
      threat,
      steps,
      stepSize,
      options,
      state: this.#state,
      key: own.fold('method'),
    });
    if (!Number.isFinite(record.loss))
      throw diverged(this.#epoch + 1, this.#batch + 1, this.#learner.learningRate);
    const { gradient, update } = this.#learner.seconds;
    addStep(this.#sums, record, spent(before.counts, engine.counts()), {
      all: (performance.now() - started) / 1000,
      gradient: gradient - before.gradient,
      update: update - before.update,
    });
    this.#batch += 1;
  }

  /** Dynamic adversarial training: the first epochs are natural (GAAT paper, §5.3). */
  #trainsNaturally(): boolean {
    const { epochs, options } = this.#o.settings;
    return this.#epoch < Math.round(options.naturalShare * epochs);
  }

  /** The schedule's value in the middle of a mini-batch: no step is lost to a rate of 0 at either end. */
  #rate(batch: number): number {
    return this.#o.settings.schedule(this.#epoch + (batch + 0.5) / this.#batches);
  }

  async #validate(): Promise<Validation | undefined> {
    const { validation, settings, key, signal } = this.#o;
    if (!validation) return undefined;
    const all = validation.batch(Uint32Array.from({ length: validation.n }, (_, i) => i));
    try {
      const { threat, validationSteps: steps } = settings;
      return await validate({
        ...all,
        classifier: this.#validator,
        threat,
        steps,
        key: key.fold('validation'),
        signal,
      });
    } catch (error) {
      if (error instanceof TouchstoneError && error.code === 'E_RANGE')
        throw diverged(this.#epoch + 1, this.#batch, this.#learner.learningRate, error);
      throw error;
    }
  }

  /** What a stop rule looks at: PGD-5 on the first images of the training data. */
  async #probe(): Promise<number | null> {
    const { data, settings, key } = this.#o;
    if (settings.stop === null || !stopRules[settings.stop].probes) return null;
    const count = Math.min(data.n, settings.batchSize);
    const batch = data.batch(Uint32Array.from({ length: count }, (_, i) => i));
    const { threat } = settings;
    const probe = {
      ...batch,
      classifier: this.#validator,
      threat,
      steps: PROBE_STEPS,
      key: key.fold('probe'),
    };
    return (await validate(probe))!.robustAccuracy;
  }

  #endEpoch(validation: Validation | undefined, probeRobustAccuracy: number | null): EpochRecord {
    const { settings, method } = this.#o;
    const epoch = this.#epoch + 1;
    const sums = epochRecord(epoch, this.#rate(this.#batches - 1), this.#sums, validation);
    const before = { ...sums, probeRobustAccuracy };
    const rule = settings.stop === null ? undefined : stopRules[settings.stop];
    const record: EpochRecord = { ...before, stop: rule?.alarm([...this.#history, before]) ?? null };
    this.#history.push(record);
    this.#keep(record);
    if (!this.#trainsNaturally()) method.endEpoch?.(this.#state, record, this.#context());
    this.#epoch = epoch;
    this.#batch = 0;
    this.#sums = noSums();
    return record;
  }

  /** Keeps the most robust epoch, or the last one before a stop rule's alarm. */
  #keep({ epoch, validationRobustAccuracy: robustAccuracy, stop }: EpochRecord): void {
    const { earlyStop, stop: rule } = this.#o.settings;
    const parameters = () => this.#trainer.state().parameters;
    if (earlyStop !== null && robustAccuracy !== null) {
      if (robustAccuracy > (this.#best?.robustAccuracy ?? -1))
        this.#best = {
          epoch,
          robustAccuracy,
          why: 'the most robust on held-out images',
          parameters: parameters(),
        };
    } else if (rule !== null && (stop === null || !this.#best))
      this.#best = { epoch, robustAccuracy, why: `no alarm of --stop ${rule} yet`, parameters: parameters() };
  }

  #isOver(): boolean {
    const { earlyStop } = this.#o.settings;
    if (this.#history.at(-1)?.stop) return true;
    return earlyStop !== null && this.#batch === 0 && this.#best !== undefined
      ? this.#epoch - this.#best.epoch >= earlyStop
      : false;
  }

  #snapshot(): Snapshot {
    return {
      state: this.#trainer.state(),
      cursor: { epoch: this.#epoch, batch: this.#batch, sums: copyOf(this.#sums) },
      history: [...this.#history],
      method: copyOf(this.#state),
      ...(this.#best && { best: this.#best }),
    };
  }

  #progress(): Progress {
    const { epochs } = this.#o.settings;
    const past = this.#history.reduce((sum, e) => sum + e.backwardPasses, 0);
    const left = (epochs - this.#epoch) * this.#batches - this.#batch;
    const validating =
      this.#history.reduce((sum, e) => sum + e.validationSeconds, 0) / this.#history.length || 0;
    return {
      epoch: this.#epoch + 1,
      epochs,
      batch: this.#batch,
      batches: this.#batches,
      loss: this.#sums.loss / this.#sums.n,
      accuracy: this.#sums.correct / this.#sums.n,
      backwards: past + this.#sums.backwardPasses,
      seconds: this.#sums.seconds,
      secondsLeft: (this.#sums.seconds / this.#sums.batches) * left + validating * (epochs - this.#epoch),
    };
  }
}
