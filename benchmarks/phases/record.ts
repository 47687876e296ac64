/** The record of `bench phases`, and what is computed of it. */
import { z } from 'zod';
import { type MethodName, methods } from '../../src/train/index.ts';
import { machineShape, toolShape } from '../origin.ts';
import { ENGINES } from './options.ts';
import { phaseNames } from './registry.ts';
import type { Statistics } from './sampling.ts';

const count = z.int().nonnegative();
const milliseconds = z.number().positive();
const method = z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]);
const engine = z.enum(ENGINES);
const device = z.enum(['cpu', 'cuda']);

/** What every record of phases begins with. */
export const head = {
  date: z.iso.datetime(),
  tool: toolShape,
  machine: machineShape,
  versions: z.record(z.string(), z.string()),
};

export const workShape = {
  phase: z.enum(phaseNames),
  as: method.describe('with whose settings'),
  steps: z.int().positive().optional().describe('T'),
  share: z.number().positive().max(1).optional().describe('of the mini-batch, where it was a part of it'),
};

export const statisticsShape = {
  n: z.int().positive().describe('timed runs'),
  mean: milliseconds,
  p50: milliseconds.describe('median'),
  sd: z.number().nonnegative(),
};

/** What statistics are of. */
export const samplesShape = z.array(milliseconds).describe('milliseconds of the timed runs, in their order');

const row = z.object({
  model: z.string(),
  batch: z.int().positive(),
  engine,
  device,
  ...workShape,
  about: z.string().describe('as the source says it'),
  source: z.string().describe('FILE:LINE of the function that was timed'),
  methods: z.array(method).describe('that take it, among those asked for'),
  warmUp: z.int().positive().describe('runs before, untimed'),
  ...statisticsShape,
  overForward: z.number().positive().nullable().describe('p50 ÷ that of the model’s forward, same engine'),
  forward: count.describe('passes through the network in one run, as counted'),
  backward: count.describe('the same, backwards'),
  samples: samplesShape,
});
export type Row = z.infer<typeof row>;

const projection = z.object({
  projected: z.literal(true).describe('no such run was made'),
  model: z.string(),
  engine,
  device,
  method,
  batch: z.int().positive(),
  batchMilliseconds: milliseconds.describe(
    'Σ phase × count of a mini-batch, p50; natural epochs not among them',
  ),
  epochs: z.int().positive(),
  images: z.int().positive().describe('of an epoch'),
  minutes: z.number().positive().describe('of the run, without validation'),
  saving: z
    .number()
    .nullable()
    .describe('1 − minutes ÷ those of pgd; natural training saves nothing, it does without'),
});
export type Projection = z.infer<typeof projection>;

export const phasesRecord = z.object({
  benchmark: z.literal('phases'),
  ...head,
  gpus: z.array(z.string()).describe('where an engine ran on them'),
  threads: z.int().positive(),
  rounds: z.int().positive().describe('asked for; the time limit may have left fewer'),
  seconds: z.int().positive().describe('after which a model on an engine gets no further round'),
  steps: z.int().positive().describe('T of RAT and GAAT'),
  state: z.enum(['whole', 'interrupted', 'running']),
  leftOut: z.array(z.object({ engine: z.string(), why: z.string() })),
  failures: z.array(
    z.object({ model: z.string(), engine: z.string(), work: z.string().nullable(), why: z.string() }),
  ),
  rows: z.array(row),
  projections: z.array(projection),
});
export type PhasesRecord = z.infer<typeof phasesRecord>;

/** A row as it was measured; the rest follows from the others of its model and engine. */
export type Measured = Omit<Row, 'overForward' | keyof Statistics> & Statistics;

/** The rows of one model on one engine, with their ratios to its forward. */
export function withRatios(rows: readonly Measured[]): Row[] {
  const forward = rows.find((r) => r.phase === 'forward')?.p50 ?? null;
  return rows.map((r) => ({ ...r, overForward: forward === null ? null : r.p50 / forward }));
}
