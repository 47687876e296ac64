import { type Engine, spent, type Trainer } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { type Classifier, engineClassifier, type Images } from '../eval/index.ts';
import { type Graph, parameterNames } from '../graph/index.ts';
import { type Key, permutation } from '../random/index.ts';
import { createLearner, type EngineLearner, type LearnerOptions } from './learner.ts';
import type { Method, MethodOptions, TrainingThreat } from './method.ts';
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
  readonly method: Method;
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
  const { engine, model, settings, from } = options;
  const trainer = await engine.trainer({
    model,
    parameters: parameterNames(model),
    optimizer: { momentum: settings.momentum, weightDecay: settings.weightDecay },
  });
  try {
    if (from) trainer.restore(from.state);
    const run = new Run(options, trainer, await createLearner(trainer, model, settings));
    return yield* run.epochs();
  } finally {
    await trainer.close();
  }
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
    this.#sums = { ...noSums(), ...from?.cursor.sums };
  }

  async *epochs(): AsyncGenerator<TrainEvent, TrainEnd> {
    const { settings, signal } = this.#o;
    while (this.#epoch < settings.epochs) {
      if (this.#patienceIsOver()) return 'stopped';
      yield* this.#steps();
      const validation = signal?.aborted ? undefined : await this.#validate();
      if (signal?.aborted) {
        yield { kind: 'interrupted', snapshot: this.#snapshot() };
        return 'interrupted';
      }
      const record = this.#endEpoch(validation);
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
    const { engine, method, data, augment, settings, key } = this.#o;
    const { threat, steps, stepSize, options } = settings;
    const started = performance.now();
    const before = { counts: engine.counts(), ...this.#learner.seconds };
    const own = key.fold('step', this.#epoch, this.#batch);
    const plain = data.batch(indices);
    const { x, y } = augment ? augment(plain, own.fold('augment')) : plain;
    this.#learner.learningRate = this.#rate(this.#batch);
    const args = { learner: this.#learner, x, y, threat, steps, stepSize, options, key: own.fold('method') };
    const record = await method.step(args);
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

  #endEpoch(validation: Validation | undefined): EpochRecord {
    const epoch = this.#epoch + 1;
    const record = epochRecord(epoch, this.#rate(this.#batches - 1), this.#sums, validation);
    this.#history.push(record);
    const robustAccuracy = record.validationRobustAccuracy;
    if (this.#o.settings.earlyStop !== null && robustAccuracy !== null) {
      if (!this.#best || robustAccuracy > this.#best.robustAccuracy)
        this.#best = { epoch, robustAccuracy, parameters: this.#trainer.state().parameters };
    }
    this.#epoch = epoch;
    this.#batch = 0;
    this.#sums = noSums();
    return record;
  }

  #patienceIsOver(): boolean {
    const { earlyStop } = this.#o.settings;
    return earlyStop !== null && this.#batch === 0 && this.#best !== undefined
      ? this.#epoch - this.#best.epoch >= earlyStop
      : false;
  }

  #snapshot(): Snapshot {
    return {
      state: this.#trainer.state(),
      cursor: { epoch: this.#epoch, batch: this.#batch, sums: { ...this.#sums } },
      history: [...this.#history],
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
      secondsLeft: (this.#sums.seconds / this.#sums.batches) * left + validating * (epochs - this.#epoch),
    };
  }
}
