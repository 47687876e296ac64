/** The record of `bench methods`, and what is computed of it. */
import { z } from 'zod';
import { type MethodName, methods } from '../../src/train/index.ts';
import { median } from '../measure.ts';
import { machineShape, toolShape } from '../origin.ts';
import { bestPublished, publishedSaving } from './published.ts';

const count = z.int().nonnegative();
const seconds = z.number().nonnegative();
const share = z.number().min(0).max(1);
const versions = z.record(z.string(), z.string());
const method = z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]);

/** Images that are classified correctly, of so many. */
const correctOf = z.object({ correct: count, n: z.int().positive() });

export const ATTACK_NAMES = ['fgsm', 'pgd-100', 'cw-20'] as const;
export type AttackLabel = (typeof ATTACK_NAMES)[number];

export const evaluation = z.object({
  checkpoint: z.string().describe('SHA-256 of the model file'),
  data: z.string().describe('SHA-256 of the test images'),
  seed: z.int(),
  natural: correctOf,
  attacks: z.record(
    z.enum(ATTACK_NAMES),
    correctOf.extend({ rejected: count.describe('claims that the verifier did not confirm'), seconds }),
  ),
  versions,
});
export type Evaluation = z.infer<typeof evaluation>;

export const epoch = z.object({
  epoch: z.int().positive(),
  loss: z.number(),
  trainAccuracy: share,
  validationAccuracy: share.nullable(),
  validationRobustAccuracy: share.nullable(),
  batches: z.int().positive(),
  forwards: count.describe('images'),
  backwards: count.describe('images'),
  forwardPasses: count.describe('mini-batches'),
  backwardPasses: count.describe('mini-batches'),
  seconds: seconds.describe('of training, as the run took'),
  timed: count.describe('mini-batches timed one by one'),
  medianSeconds: seconds.nullable().describe('of a mini-batch; null where none was timed by itself'),
});
export type MethodEpoch = z.infer<typeof epoch>;

const measured = z.object({
  method,
  settings: z
    .record(z.string(), z.union([z.number(), z.string()]))
    .describe('beside the method’s defaults and `common`'),
  why: z.string().nullable().describe('why it trains otherwise than the others'),
  note: z.string().nullable().describe('how its epochs or passes are to be read'),
  state: z.enum(['done', 'failed', 'pending']),
  failure: z.string().nullable(),
  trainedBy: z.object({ tool: toolShape, versions }).nullable(),
  epochs: z.array(epoch),
  evaluation: evaluation.nullable(),
});
export type MeasuredMethod = z.infer<typeof measured>;

const published = z.object({
  paper: z.string(),
  table: z.string(),
  row: z.string(),
  data: z.string(),
  model: z.string(),
  saving: z.number().nullable().describe('against RAT, by the times of the same paper'),
});

const row = z.object({
  method,
  natural: share.nullable(),
  robust: z.record(z.enum(ATTACK_NAMES), share).nullable(),
  backwardsPerBatch: z.number().nonnegative().nullable().describe('#BP, counted'),
  backwards: count.nullable().describe('images'),
  seconds: seconds.nullable().describe('of training, plain sum'),
  steadySeconds: seconds.nullable().describe('Σ over epochs of median per mini-batch × mini-batches'),
  saving: z.number().nullable().describe('1 − steadySeconds ÷ those of pgd'),
  predictedSaving: z.number().nullable().describe('1 − passes ÷ those of pgd, both ways, over images'),
  published: published.nullable().describe('the nearest of the papers’ rows'),
});
export type Row = z.infer<typeof row>;

export const methodsRecord = z.object({
  benchmark: z.literal('methods'),
  date: z.iso.datetime(),
  tool: toolShape,
  machine: machineShape,
  training: z.object({
    engine: z.string(),
    device: z.string(),
    threads: z.int().positive(),
    epochs: z.int().positive(),
    images: z.int().positive().describe('trained on, without those held out'),
    validation: count,
    validationSteps: z.int().positive(),
    seed: z.int(),
    data: z.object({ name: z.string(), sha256: z.string() }),
    common: z.record(z.string(), z.unknown()).describe('settings that all methods share'),
  }),
  attacks: z.object({
    engine: z.literal('onnxruntime'),
    norm: z.literal('linf'),
    epsilon: z.number().positive(),
    data: z.object({ name: z.string(), sha256: z.string(), n: z.int().positive() }),
    attacked: z.int().positive(),
    parameters: z.record(
      z.enum(ATTACK_NAMES),
      z.object({ name: z.string(), steps: z.int(), stepSize: z.number(), restarts: z.int() }),
    ),
  }),
  methods: z.array(measured),
  rows: z.array(row),
});
export type MethodsRecord = z.infer<typeof methodsRecord>;

const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0);

/** What a disturbed machine cannot stretch: an epoch is its median mini-batch, as often as it has mini-batches. */
export const steadySecondsOf = (epochs: readonly MethodEpoch[]): number =>
  sum(epochs, (e) => (e.medianSeconds === null ? e.seconds : e.medianSeconds * e.batches));

export const epochsText = (n: number): string => `${n} epoch${n === 1 ? '' : 's'}`;

/** The middle of what was timed; null where nothing was. */
export const medianOrNull = (values: readonly number[]): number | null =>
  values.length === 0 ? null : median(values);

const passes = (epochs: readonly MethodEpoch[]): number => sum(epochs, (e) => e.forwards + e.backwards);
const ratio = ({ correct, n }: { correct: number; n: number }): number => correct / n;

/** The table: a row per method, compared with `pgd` where that is done. */
export function rowsOf(all: readonly MeasuredMethod[], epsilon: number): Row[] {
  const rat = all.find((m) => m.method === 'pgd' && m.state === 'done')?.epochs;
  return all.map(({ method: name, state, epochs, evaluation: found }) => {
    const done = state === 'done';
    const saving = (cost: (epochs: readonly MethodEpoch[]) => number): number | null =>
      done && rat ? 1 - cost(epochs) / cost(rat) : null;
    const there = bestPublished(name, epsilon);
    return {
      method: name,
      natural: found && ratio(found.natural),
      robust: found && {
        fgsm: ratio(found.attacks.fgsm),
        'pgd-100': ratio(found.attacks['pgd-100']),
        'cw-20': ratio(found.attacks['cw-20']),
      },
      backwardsPerBatch: done ? sum(epochs, (e) => e.backwardPasses) / sum(epochs, (e) => e.batches) : null,
      backwards: done ? sum(epochs, (e) => e.backwards) : null,
      seconds: done ? sum(epochs, (e) => e.seconds) : null,
      steadySeconds: done ? steadySecondsOf(epochs) : null,
      saving: saving(steadySecondsOf),
      predictedSaving: saving(passes),
      published: there
        ? {
            paper: there.paper,
            table: there.table,
            row: there.row,
            data: there.data,
            model: there.model,
            saving: publishedSaving(there) ?? null,
          }
        : null,
    };
  });
}
