/** The record of `bench curves`: what training runs were at after each epoch, and how robust they ended. */
import { z } from 'zod';
import { runEpoch, runShape, runsHead } from '../runs/record.ts';
import { FIGURE_NAMES } from './figures/index.ts';

const share = z.number().min(0).max(1);
const point = z.object({
  steps: z.int().positive(),
  epsilon: z.number().nonnegative(),
  robustAccuracy: share,
});

const epochOf = runEpoch.extend({
  residualAfter: z
    .number()
    .nullable()
    .describe('pgd: R(x, δ) at the end of its own T steps, after the epoch, mean over the images looked at'),
  gradientL1PerImage: z
    .number()
    .nullable()
    .describe('mean ‖∇ₓℓ‖₁: of training, or (pgd) after the epoch, before the last of its steps'),
});
export type CurveEpoch = z.infer<typeof epochOf>;

const run = z.object({
  ...runShape,
  epsilon: z.number().positive(),
  images: z.int().positive().describe('of an epoch'),
  epochs: z.array(epochOf),
  sweep: z
    .object({
      attack: z.literal('pgd'),
      n: z.int().positive(),
      checkpoint: z.string().describe('SHA-256 of the model file'),
      steps: z.array(point).describe('over the steps, at the radius of training'),
      epsilons: z.array(point).describe('over the radius'),
    })
    .nullable()
    .describe('null where no figure asks for it'),
});
export type CurveRun = z.infer<typeof run>;

export const curvesRecord = z.object({
  benchmark: z.literal('curves'),
  ...runsHead,
  attacked: z.int().positive(),
  looked: z.int().positive().describe('training images that pgd is looked at on, after each epoch'),
  figures: z.array(z.enum(FIGURE_NAMES)),
  runs: z.array(run),
});
export type CurvesRecord = z.infer<typeof curvesRecord>;
