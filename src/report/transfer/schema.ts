/**
 * The schema of `transfer.json`: accuracy of some models under examples that were made on others.
 *
 * Units are those of `result.json`: accuracies are fractions, times are seconds, distances are in pixel space [0, 1], and
 * forwards and backwards count image passes.
 */
import { z } from 'zod';
import { jsonSchemaText, parseAs } from '../json-schema.ts';
import { resultSchema } from '../schema.ts';

/** The value of `schema` in every transfer result of this version. Fields may be added under it, never changed. */
export const TRANSFER_SCHEMA = 'touchstone-transfer/1';

const { tool, createdAt, seed, commandLine, model, data, threat, checks, environment, seconds } =
  resultSchema.shape;
const fraction = z.number().min(0).max(1);
const count = z.int().nonnegative();
const name = z.string().describe('of a model, as in `models`');

const run = z.object({
  source: name,
  attack: z.string(),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  attacked: count.describe('images that some target classifies correctly'),
  seconds: z.number().nonnegative(),
  forwards: count,
  backwards: count,
});

const cell = z.object({
  source: name,
  attack: z.string(),
  target: name,
  whiteBox: z.boolean().describe('source and target are the same file'),
  accuracy: fraction.describe('standing / n'),
  correct: count.describe('images that the target classifies correctly without the examples'),
  standing: count.describe('of these, those that it classifies correctly under the examples, too'),
  invalid: count.describe('examples outside the ball or the pixel range, or not finite; they break nothing'),
});

const shape = z.object({
  schema: z.literal(TRANSFER_SCHEMA),
  tool,
  createdAt,
  seed,
  commandLine,
  models: z.array(model.extend({ name: z.string().describe('its file, short where that is unambiguous') })),
  data,
  threat,
  n: count.describe('images, the first of the data'),
  targets: z.array(z.object({ name, accuracy: fraction.describe('clean'), correct: count })),
  runs: z.array(run).describe('each attack on each source'),
  cells: z.array(cell).describe('by source, attack and target'),
  findings: z
    .array(checks.element.extend({ target: name }))
    .describe('whether examples of other models do better than those of the target itself'),
  environment,
  seconds,
});

/** What `transfer.json` holds. */
export type TransferResult = z.infer<typeof shape>;
export type TransferResultCell = z.infer<typeof cell>;

/** The zod schema of {@link TransferResult}, with the checks between fields that JSON Schema cannot express. */
export const transferSchema = shape.superRefine((result, context) => {
  const off = (accuracy: number, part: number) =>
    Math.abs(accuracy - (result.n === 0 ? 0 : part / result.n)) > 1e-6;
  for (const [i, c] of result.cells.entries())
    if (off(c.accuracy, c.standing) || c.standing > c.correct)
      context.addIssue({ code: 'custom', path: ['cells', i], message: 'does not add up' });
  for (const [i, t] of result.targets.entries())
    if (off(t.accuracy, t.correct))
      context.addIssue({ code: 'custom', path: ['targets', i], message: 'does not add up' });
});

/** @throws TouchstoneError `E_DATA`, naming the first three fields that are wrong. */
export const parseTransfer = (value: unknown): TransferResult =>
  parseAs(transferSchema, value, 'transfer result', TRANSFER_SCHEMA);

/** The JSON Schema published at `docs/schema/transfer-1.json`, as the text of that file. */
export const transferJsonSchema = (): string =>
  jsonSchemaText(shape, 'urn:touchstone:transfer:1', 'Touchstone transfer, version 1');
