/** What records hold that claims can be compared with: the same few forms, whatever the record. */
import type { MethodName } from '../../src/train/index.ts';
import type { CurvesRecord } from '../curves/record.ts';
import type { GaatRecord } from '../gaat/record.ts';
import type { Ours } from './ours.ts';
import type { DataName } from './schema.ts';

export interface Origin {
  /** The record's path. */
  readonly record: string;
  readonly machine: string;
}

/** A share of images that a trained network classifies correctly. */
export interface Accuracy {
  readonly origin: Origin;
  readonly method: MethodName;
  readonly model: string;
  readonly data: DataName;
  readonly epsilon: number;
  readonly epochs: number;
  /** Images of an epoch. @default all of the data set, but for some held out */
  readonly trainedOn?: number;
  /** Every setting of the training, by its name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Null: natural images. */
  readonly attack: { readonly name: string; readonly steps: number } | null;
  /** In [0, 1]. */
  readonly value: number;
  /** Images. */
  readonly n: number;
}

/** Times of one machine, engine and set-up, so that one may be divided by another. */
export interface Times {
  readonly origin: Origin;
  /** What they are of, in words: engine, batch size, how they came about. */
  readonly about: string;
  /** Computed from the times of phases, not of whole runs. */
  readonly isProjected: boolean;
  readonly batchSize: number;
  /** Seconds of a whole run; null where this has no time of it. */
  seconds(ours: Ours): number | null;
  /** The same for the nearest run that it has a time of, another network or T, and what that is. */
  nearest(ours: Ours): { readonly seconds: number; readonly about: string } | null;
  /** Milliseconds of a phase on a network: all T attack steps, or one. */
  phase?(name: 'pgd' | 'pgd-step', ours: Ours): number | null;
}

/** Runs that the papers' figures are drawn of. */
export interface Curves {
  readonly origin: Origin;
  readonly record: CurvesRecord;
}

/** GAAT under the lens: which steps its second order turns, and its R. */
export interface Lens {
  readonly origin: Origin;
  readonly record: GaatRecord;
}

export interface Found {
  readonly accuracies: readonly Accuracy[];
  readonly times: readonly Times[];
  /** @default none */
  readonly curves?: readonly Curves[];
  /** @default none */
  readonly lenses?: readonly Lens[];
}
