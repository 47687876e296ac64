/** A training run as the records of `bench gaat` and `bench curves` have it. */
import { z } from 'zod';
import { type MethodName, methods } from '../../src/train/index.ts';
import { epoch } from '../methods/record.ts';
import { machineShape, toolShape } from '../origin.ts';

const count = z.int().nonnegative();
const orNull = z.number().nullable();

export const method = z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]);

/** What `history.jsonl` has of an epoch, and its median mini-batch. */
export const runEpoch = epoch.extend({
  flipRate: orNull.describe('share of the samples that eq. (8) turned round, in training'),
  residual: orNull.describe('R(x, δ), mean over the epoch'),
  gradientL1: orNull.describe('l_X, a sum over the epoch’s images'),
  replays: orNull,
  attackSteps: orNull,
  stepSize: orNull.describe('α, in pixel space'),
});
export type RunEpoch = z.infer<typeof runEpoch>;

export const runShape = {
  name: z.string(),
  label: z.string().describe('as papers call it, or what it is'),
  method,
  settings: z
    .record(z.string(), z.union([z.number(), z.string()]))
    .describe('beside the method’s defaults and `training.common`'),
  state: z.enum(['done', 'failed', 'pending']),
  failure: z.string().nullable(),
  epochs: z.array(runEpoch),
};
const runOf = z.object(runShape);
export type RunOf = z.infer<typeof runOf>;

/** What such a record begins with. */
export const runsHead = {
  date: z.iso.datetime(),
  tool: toolShape,
  machine: machineShape,
  versions: z.record(z.string(), z.string()),
  training: z.object({
    engine: z.string(),
    device: z.string(),
    threads: z.int().positive(),
    epochs: z.int().positive().describe('of a run that says nothing else'),
    images: z.int().positive().describe('trained on, without those held out'),
    validation: count,
    validationSteps: z.int().positive(),
    seed: z.int(),
    data: z.object({ name: z.string(), sha256: z.string() }),
    common: z.record(z.string(), z.unknown()).describe('settings that all runs share'),
  }),
};
