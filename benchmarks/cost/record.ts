/** The record of `bench cost`. */
import { z } from 'zod';
import { type MethodName, methods } from '../../src/train/index.ts';
import { head, samplesShape, statisticsShape, workShape } from '../phases/record.ts';

const seconds = z.number().nonnegative();
const method = z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]);

const byEpoch = z.array(
  z.object({
    count: z.number().describe('per mini-batch'),
    n: z
      .int()
      .nonnegative()
      .describe('samples taken in this epoch, the next of all; where there are none, all count'),
  }),
);

const cost = z.object({
  method,
  epochs: z.int().positive(),
  images: z.int().positive().describe('of an epoch'),
  batches: z.int().positive().describe('of an epoch'),
  counts: z.enum(['formula', 'run']).describe('where counts are from: the paper’s listing, or this run'),
  works: z.array(
    z.object({
      ...workShape,
      ...statisticsShape,
      count: z.number().describe('per mini-batch, mean over the run'),
      samples: samplesShape,
      byEpoch,
    }),
  ),
  projectedSeconds: seconds.describe('Σ phase × count, phases by their medians in each epoch'),
  timedSeconds: seconds.describe('of the run, as it took'),
  steadySeconds: seconds.describe('Σ over epochs of median mini-batch × mini-batches'),
  error: z.number().describe('projectedSeconds ÷ steadySeconds − 1'),
  errorAsRun: z.number().describe('projectedSeconds ÷ timedSeconds − 1'),
});
export type Cost = z.infer<typeof cost>;

export const costRecord = z.object({
  benchmark: z.literal('cost'),
  schema: z.literal('touchstone-bench-cost/2'),
  ...head,
  engine: z.string(),
  device: z.string(),
  threads: z.int().positive(),
  model: z.string(),
  batch: z.int().positive(),
  data: z.object({ name: z.string(), sha256: z.string() }),
  rounds: z.int().positive().describe('asked for, spread over each run'),
  seed: z.int(),
  state: z.enum(['whole', 'interrupted', 'running']),
  failures: z.array(z.object({ method, why: z.string() })),
  methods: z.array(cost),
});
export type CostRecord = z.infer<typeof costRecord>;

/** How far a projection may be from the run that was timed. */
export const TOLERANCE = 0.1;
