/**
 * The schema of `sweep.json`: robust accuracy over radii and settings of an attack.
 *
 * Units are those of `result.json`: accuracies are fractions, times are seconds, distances are in pixel space [0, 1], and
 * forwards and backwards count image passes.
 */
import { z } from 'zod';
import { jsonSchemaText, parseAs } from '../json-schema.ts';
import { resultSchema } from '../schema.ts';

/** The value of `schema` in every sweep of this version. Fields may be added under it, never changed. */
export const SWEEP_SCHEMA = 'touchstone-sweep/1';

const { tool, createdAt, seed, commandLine, model, data, threat, checks, environment, seconds } =
  resultSchema.shape;
const fraction = z.number().min(0).max(1);
const count = z.int().nonnegative();
const parameters = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

const cell = z.object({
  epsilon: z.number().nonnegative().describe('radius in pixel space; 0: no attack'),
  steps: count.describe('steps, or queries of an attack without gradients'),
  stepSize: z
    .number()
    .positive()
    .nullable()
    .describe('as a multiple of epsilon; null: the attack chooses its own'),
  restarts: z.int().positive().nullable().describe('null: the attack has none'),
  parameters: parameters.describe('all that the attack was told, in pixel space'),
  robustAccuracy: fraction.describe('standing / n'),
  standing: count.describe('images that neither this attack nor an example carried over breaks'),
  carried: count.describe('images broken by an example of a smaller radius or a shorter attack'),
  attacked: count.describe('the other correct ones; none where epsilon is 0'),
  rejected: count.describe('claims that the verifier did not confirm; they have broken nothing'),
  freshStanding: count.describe('of the sample that every cell attacks anew'),
  seconds: z.number().nonnegative(),
  forwards: count,
  backwards: count,
});

const shape = z.object({
  schema: z.literal(SWEEP_SCHEMA),
  tool,
  createdAt,
  seed,
  commandLine,
  model,
  data,
  norm: threat.shape.norm,
  attack: z.string(),
  n: count.describe('images, the first of the data'),
  correct: count.describe('of these, classified correctly: those that are attacked'),
  sampled: count.describe('of the correct ones, those that every cell attacks anew'),
  cells: z.array(cell).describe('by setting (steps, step size, restarts), then by rising epsilon'),
  findings: checks.describe('whether the numbers behave as those of a model without masking'),
  environment,
  seconds,
});

/** What `sweep.json` holds. */
export type SweepResult = z.infer<typeof shape>;
export type SweepResultCell = z.infer<typeof cell>;

/** The zod schema of {@link SweepResult}, with the checks between fields that JSON Schema cannot express. */
export const sweepSchema = shape.superRefine((sweep, context) => {
  for (const [i, c] of sweep.cells.entries()) {
    const off = Math.abs(c.robustAccuracy - (sweep.n === 0 ? 0 : c.standing / sweep.n)) > 1e-6;
    const all = c.epsilon === 0 || c.carried + c.attacked === sweep.correct;
    if (off || !all || c.freshStanding > sweep.sampled)
      context.addIssue({ code: 'custom', path: ['cells', i], message: 'does not add up' });
  }
});

/** @throws TouchstoneError `E_DATA`, naming the first three fields that are wrong. */
export const parseSweep = (value: unknown): SweepResult => parseAs(sweepSchema, value, 'sweep', SWEEP_SCHEMA);

/** The JSON Schema published at `docs/schema/sweep-1.json`, as the text of that file. */
export const sweepJsonSchema = (): string =>
  jsonSchemaText(shape, 'urn:touchstone:sweep:1', 'Touchstone sweep, version 1');
