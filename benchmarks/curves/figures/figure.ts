/** What a figure of a paper is made of: runs, and what of them is drawn. */
import type { RunOptions } from '../../../src/runs/train-run.ts';
import type { PaperName } from '../../claims/schema.ts';
import { common, settings } from '../../methods/settings.ts';
import type { RunSpec } from '../../runs/runs.ts';

/** What is drawn over epochs. */
export type Column = 'residual' | 'l_X' | 'robust' | 'loss' | '#BP';

export type Panel =
  | {
      readonly kind: 'epochs';
      readonly title: string;
      readonly column: Column;
      readonly runs: readonly string[];
    }
  | {
      readonly kind: 'sweep';
      readonly title: string;
      readonly over: 'steps' | 'epsilon';
      readonly runs: readonly string[];
    }
  /** Where runs end: the error under PGD against all backward passes. */
  | { readonly kind: 'ends'; readonly title: string; readonly runs: readonly string[] };

/** A run whose epochs are more than those that are asked for, by a factor. */
export interface CurveSpec extends RunSpec {
  /** @default 1 */
  readonly epochsTimes?: number;
}

export interface Figure {
  readonly paper: PaperName;
  /** As it is numbered there. */
  readonly figure: string;
  /** What the paper shows, in a sentence. */
  readonly shows: string;
  /** What is different here. */
  readonly here: string;
  readonly panels: readonly Panel[];
  readonly runs: readonly CurveSpec[];
}

/** What all runs of figures are validated by after each epoch: PGD of DEAT's figures, on images held out of training. */
export const VALIDATION_STEPS = 20;

const { epsilon } = common;

/** A run as `bench methods` has it, with what the figure varies. */
export const runOf = (
  name: string,
  label: string,
  options: RunOptions & { readonly method: keyof typeof settings },
  more: Partial<CurveSpec> = {},
): CurveSpec => ({
  ...{ name, label, ...more },
  options: { ...settings[options.method].options, ...options },
});

/** RAT with T steps of ε/8, as GAAT's paper has them. */
export const rat = (steps: number): CurveSpec =>
  runOf(`rat-${steps}`, `RAT, T = ${steps}`, { method: 'pgd', steps, stepSize: epsilon / 8 });

/** PGD-7 of steps of 2/255, at ε = 8/255. */
export const pgd7 = runOf('pgd-7', 'PGD-7', { method: 'pgd', steps: 7, stepSize: epsilon / 4 });

/** m replays in each of as many epochs as the others have: DEAT's figures do not divide them by m. */
export const free = (m: number): CurveSpec =>
  runOf(`free-${m}`, `FREE-${m}`, { method: 'free', replays: m, stepSize: epsilon }, { epochsTimes: m });

export const uFgsm = runOf('u-fgsm', 'U-FGSM', { method: 'fast' });
export const mDeat = runOf('m-deat', 'M-DEAT', { method: 'm-deat' });
