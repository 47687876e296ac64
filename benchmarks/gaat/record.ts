/** The record of `bench gaat`, and what is computed of it. */
import { z } from 'zod';
import { median, quantile } from '../measure.ts';
import { ATTACK_NAMES, evaluation, steadySecondsOf } from '../methods/record.ts';
import { method, runShape, runsHead } from '../runs/record.ts';

const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const seconds = z.number().nonnegative();

const residuals = z.object({
  gaussNewton: z.number().nonnegative().describe('R(x, δ) of eq. (4), H = JJᵀ: mean'),
  none: z.number().nonnegative().describe('the same without H'),
  exact: z.number().nonnegative().describe('the same with the exact H'),
  rise: z.number().describe('ℓ(x + δ) − ℓ(x): mean'),
});
export type Residuals = z.infer<typeof residuals>;

const sight = z.object({
  epsilon: z.number().positive(),
  gradientL1: z.number().nonnegative().describe('‖J‖₁, mean'),
  along: z.number().nonnegative().describe('|J·δ⁰|, mean; δ⁰ uniform in the ball'),
  flipped: share.describe('samples with J·δ⁰ < −1: eq. (8) turns all of their steps round'),
  couldFlip: share.describe('samples in whose ball there is a δ with J·δ < −1'),
  exactTurned: share.describe('pixels on which sign(J + Hδ⁰) ≠ sign J, H exact: mean'),
  mixed: share.describe('samples of which the exact H turns some pixels and not others: no ±sign J'),
  firstWrong: share.describe('pixels on which sign ∇ℓ(x + δ⁰) ≠ sign J: mean'),
  exactWrong: share.describe('pixels on which sign ∇ℓ(x + δ⁰) ≠ sign(J + Hδ⁰), H exact: mean'),
  gaat: residuals.describe('where T steps by eq. (8) end'),
  pgd: residuals.describe('where T steps of PGD end'),
});
export type Sight = z.infer<typeof sight>;

export const looked = z.object({
  subject: z.string().describe('a run, or a file of models/zoo'),
  model: z.string(),
  about: z.string().describe('how it was trained'),
  epoch: z.int().positive().nullable().describe('null: of a file'),
  at: z.array(sight),
});
export type Looked = z.infer<typeof looked>;

/** Of each network what was looked at last: its last epoch, or its file. */
export const lastLooked = (all: readonly Looked[]): Looked[] =>
  all.filter((one) => !all.some((o) => o.subject === one.subject && (o.epoch ?? 0) > (one.epoch ?? 0)));

const run = z.object({
  ...runShape,
  about: z.string(),
  backwardsExpected: z
    .number()
    .positive()
    .nullable()
    .describe('#BP by the listing; null: not among those compared'),
  evaluation: evaluation.nullable(),
});
export type GaatRun = z.infer<typeof run>;

const row = z.object({
  name: z.string(),
  natural: share.nullable(),
  robust: z.record(z.enum(ATTACK_NAMES), share).nullable(),
  backwardsPerBatch: z.number().nonnegative().nullable().describe('#BP, counted'),
  seconds: seconds.nullable().describe('of training, plain sum'),
  steadySeconds: seconds.nullable().describe('Σ over epochs of median per mini-batch × mini-batches'),
  batchMilliseconds: z.number().positive().nullable().describe('of a mini-batch, median of the rounds'),
  saving: z
    .object({ median: z.number(), low: z.number(), high: z.number() })
    .nullable()
    .describe('1 − a mini-batch’s time ÷ RAT’s of the same round: median and quartiles'),
  savingAsRun: z.number().nullable().describe('1 − steadySeconds ÷ those of RAT'),
  predictedSaving: z.number().nullable().describe('1 − passes ÷ those of RAT, both ways'),
  flipRate: share.nullable().describe('in training, over all epochs'),
});
export type Row = z.infer<typeof row>;

export const gaatRecord = z.object({
  benchmark: z.literal('gaat'),
  ...runsHead,
  epsilon: z.number().positive(),
  reach: z.number().positive().describe('T·α ÷ ε, the same in all runs'),
  attacked: z.int().positive(),
  lens: z.object({
    images: count,
    steps: z.int().positive(),
    stepSize: z.number().positive().describe('in units of ε'),
  }),
  batches: z
    .record(z.string(), z.array(z.number().positive()))
    .describe('milliseconds of a mini-batch by run, a sample per round, in turn'),
  runs: z.array(run),
  rows: z.array(row),
  twins: z.array(
    z.object({
      pair: z
        .tuple([z.string(), z.string()])
        .describe('runs that the algebra says are one while nothing flips'),
      largest: z.number().nonnegative().nullable().describe('largest difference of a weight at the end'),
    }),
  ),
  looked: z.array(looked),
  claims: z.array(
    z.object({
      data: z.string(),
      model: z.string(),
      method,
      steps: z.int().positive().describe('T'),
      claimed: z.number().describe('saving against RAT, by the paper’s minutes'),
      byPasses: z.number(),
    }),
  ),
});
export type GaatRecord = z.infer<typeof gaatRecord>;

const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((all, value) => all + of(value), 0);

/** 1 − the ratio of two runs' times, round by round: its median, and between which values half of the rounds lie. */
export function savingOf(
  own: readonly number[],
  against: readonly number[],
): { readonly median: number; readonly low: number; readonly high: number } {
  const savings = own.map((ms, round) => 1 - ms / against[round]!);
  const at = (share: number) => quantile(savings, share);
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** The table of the runs that are compared, RAT the yardstick where it is done. */
export function rowsOf(runs: readonly GaatRun[], yardstick: string, batches: GaatRecord['batches']): Row[] {
  const rat = runs.find((r) => r.name === yardstick && r.state === 'done')?.epochs;
  return runs
    .filter((r) => r.backwardsExpected !== null)
    .map(({ name, state, epochs, evaluation: found }): Row => {
      const done = state === 'done';
      const savingBy = (cost: (of: GaatRun['epochs']) => number) =>
        done && rat ? 1 - cost(epochs) / cost(rat) : null;
      const flips = epochs.flatMap(({ flipRate }) => flipRate ?? []);
      const shareOf = ({ correct, n }: { correct: number; n: number }) => correct / n;
      return {
        name,
        natural: found && shareOf(found.natural),
        robust: found && {
          fgsm: shareOf(found.attacks.fgsm),
          'pgd-100': shareOf(found.attacks['pgd-100']),
          'cw-20': shareOf(found.attacks['cw-20']),
        },
        backwardsPerBatch: done ? sum(epochs, (e) => e.backwardPasses) / sum(epochs, (e) => e.batches) : null,
        seconds: done ? sum(epochs, (e) => e.seconds) : null,
        steadySeconds: done ? steadySecondsOf(epochs) : null,
        batchMilliseconds: batches[name] ? median(batches[name]) : null,
        saving: batches[name] && batches[yardstick] ? savingOf(batches[name], batches[yardstick]) : null,
        savingAsRun: savingBy(steadySecondsOf),
        predictedSaving: savingBy((of) => sum(of, (e) => e.forwards + e.backwards)),
        flipRate: done && flips.length > 0 ? sum(flips, (f) => f) / flips.length : null,
      };
    });
}
