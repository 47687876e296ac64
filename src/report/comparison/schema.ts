/**
 * The schema of `comparison.json`: the cells of an experiment, and the tables that they make up.
 *
 * Accuracies are fractions in [0, 1]; times are seconds, and all in `times`: nothing else depends on how fast, or where, the work was done.
 */
import { z } from 'zod';
import { jsonSchemaText, parseAs } from '../json-schema.ts';
import { resultSchema } from '../schema.ts';

/** The value of `schema` in every comparison of this version. Fields may be added under it, never changed. */
export const COMPARISON_SCHEMA = 'touchstone-comparison/1';

const { tool, createdAt } = resultSchema.shape;
const fraction = z.number().min(0).max(1);
const count = z.int().nonnegative();
const seconds = z.number().nonnegative();

const place = {
  method: z.string().describe('the label of a method, or of a checkpoint'),
  model: z.string().describe('an architecture; `checkpoints` for files that were audited as they are'),
  data: z.string(),
  epsilon: z.number().positive(),
};

const figures = z.object({
  natural: fraction.describe('accuracy without an attack, over all test images'),
  robust: fraction.describe('pointwise worst case over the attacks, over the images attacked'),
  attacks: z.array(z.object({ name: z.string(), robustAccuracy: fraction })),
  images: count.describe('attacked'),
  belief: z
    .enum(['believable', 'doubtful', 'not believable'])
    .nullable()
    .describe('whether the audit says that its figure can be believed'),
  backwards: count
    .nullable()
    .describe('#BP: backward passes of a mini-batch in training; null for a checkpoint'),
});

const cell = z.object({
  id: z.string().describe('also its folder, in cells/'),
  ...place,
  seed: z.int(),
  figures: figures.nullable().describe('null for a cell that failed'),
  failure: z.object({ job: z.enum(['train', 'export', 'shard', 'merge']), reason: z.string() }).nullable(),
});

const statistic = z.object({
  mean: z.number(),
  sd: z
    .number()
    .nonnegative()
    .nullable()
    .describe('over the seeds, n − 1 in its denominator; null for one seed'),
  n: z.int().positive().describe('seeds'),
});

const row = z.object({
  method: z.string(),
  failed: count.describe('seeds that have no figures'),
  natural: statistic.nullable().describe('null where every seed failed'),
  attacks: z
    .array(statistic.nullable())
    .describe('in the order of the columns; null for an attack that was not run'),
  robust: statistic.nullable(),
  backwards: statistic.nullable(),
  saving: z.number().nullable().describe('1 − #BP / #BP of pgd, of means; null without'),
  doubted: count.describe('seeds whose audit says that its figure is not to be believed, or doubtful'),
});

const table = z.object({
  model: z.string(),
  data: z.string(),
  epsilon: z.number().positive(),
  columns: z.array(z.string()).describe('attacks'),
  rows: z.array(row),
});

const times = z.object({
  cells: z
    .record(z.string(), z.object({ training: seconds.nullable(), audit: seconds }))
    .describe('by id: training without its validation; the audit with all its shards'),
  rows: z
    .array(z.array(z.object({ training: statistic.nullable(), saving: z.number().nullable() })))
    .describe('by table and row; `saving` is 1 − seconds / seconds of pgd'),
});

const shape = z.object({
  schema: z.literal(COMPARISON_SCHEMA),
  tool,
  createdAt,
  name: z.string().describe('of the experiment'),
  norm: z.enum(['linf', 'l2', 'l1']),
  seeds: z.array(z.int()),
  engine: z.object({ name: z.string(), device: z.string() }),
  cells: z.array(cell),
  tables: z.array(table),
  times,
});

/** What `comparison.json` holds. */
export type Comparison = z.infer<typeof shape>;
export type ComparisonCell = z.infer<typeof cell>;
export type ComparisonTable = z.infer<typeof table>;
export type ComparisonRow = z.infer<typeof row>;
export type Statistic = z.infer<typeof statistic>;

/** @throws TouchstoneError `E_DATA`, naming the first three fields that are wrong. */
export const parseComparison = (value: unknown): Comparison =>
  parseAs(shape, value, 'comparison', COMPARISON_SCHEMA);

/** The JSON Schema published at `docs/schema/comparison-1.json`, as the text of that file. */
export const comparisonJsonSchema = (): string =>
  jsonSchemaText(shape, 'urn:touchstone:comparison:1', 'Touchstone comparison, version 1');
