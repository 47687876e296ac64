/**
 * The schema of `result.json`: what an audit found, and what produced each number.
 *
 * Units, unless a field says otherwise: accuracies are fractions in [0, 1], times are seconds, distances are in
 * pixel space [0, 1], and forwards and backwards count image passes (one image through the net once).
 */
import { z } from 'zod';
import { TouchstoneError } from '../errors.ts';

/** The value of `schema` in every result of this version. Fields may be added under it, never changed. */
export const RESULT_SCHEMA = 'touchstone-result/1';

const fraction = z.number().min(0).max(1);
const count = z.int().nonnegative();
const seconds = z.number().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hexadecimal digits');
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const record = z.record(z.string(), z.union([scalar, z.array(scalar)]));

const tool = z.object({
  name: z.string(),
  version: z.string(),
  gitCommit: z.string().optional().describe('commit of the checkout that ran; absent outside a checkout'),
});

const model = z.object({
  path: z.string().describe('as given on the command line'),
  sha256,
  bytes: count,
  parameters: count.describe('number of scalars in the floating-point initializers'),
  opset: z.int().positive(),
  producer: z.string(),
  inputShape: z
    .array(z.int().positive().nullable())
    .describe('as the file has it; null is a dynamic dimension'),
  inputLayout: z.enum(['NCHW', 'NHWC', 'NHW', 'flat']).optional().describe('absent: NCHW'),
  preprocessing: z
    .object({ mean: z.array(z.number()), std: z.array(z.number()) })
    .optional()
    .describe('(x − mean)/std of the pixels, done in front of the model; absent: none'),
  classes: z.int().positive(),
  outputKind: z
    .enum(['logits', 'probabilities', 'log-probabilities', 'independent probabilities', 'labels', 'unknown'])
    .describe('what the output looks like'),
  metadata: z
    .record(z.string(), z.string())
    .describe('metadata_props of the ONNX file: method, recipe, data hash … of a model trained here'),
});

const data = z.object({
  name: z.string(),
  split: z.string(),
  sha256: sha256.describe('of the images and labels audited'),
  n: count.describe('images read for this audit'),
  shape: z.array(z.int().positive()).describe('of one image, [C, H, W]'),
});

const threat = z.object({
  norm: z.enum(['linf', 'l2', 'l1']),
  epsilon: z.number().positive().describe('radius in pixel space'),
  clip: z.tuple([z.number(), z.number()]).nullable().describe('range of the pixels; null: not clipped'),
});

const clean = z.object({ accuracy: fraction, correct: count, n: count });

const robust = z.object({
  correct: count.describe('images that every attack left correctly classified'),
  n: count.describe('images attacked; clean.n may be larger'),
  planned: count.optional().describe('images that were to be attacked, where the budget was spent before'),
});

const interval = z.object({ lower: fraction, upper: fraction });

const confidence = z.object({
  level: z.number().gt(0).lt(1),
  method: z.literal('wilson'),
  clean: interval,
  robust: interval,
});

const attack = z.object({
  name: z.string(),
  parameters: record.describe('steps, stepSize, restarts …'),
  robustAccuracy: fraction.describe('of this attack alone, over robust.n'),
  broken: count.describe('images misclassified under this attack, those misclassified clean included'),
  attacked: count.optional().describe('images the attack was run on'),
  survivors: z
    .boolean()
    .optional()
    .describe(
      'true: it was run on what the attacks before it left, and counts those broken by them as broken',
    ),
  seconds,
  forwards: count,
  backwards: count,
  error: z.string().optional().describe('set when the attack did not finish; the result is then not trusted'),
});

const verifier = z.object({
  ok: z.boolean(),
  checked: count.describe('adversarial examples re-checked on a fresh session'),
  rejected: count.describe('examples outside the ball or the pixel range, not finite, or not misclassified'),
  maxDistance: z
    .number()
    .nonnegative()
    .nullable()
    .describe('largest distance found (float64); null: none checked'),
  tolerance: z.number().nonnegative().optional().describe('by which a distance may exceed epsilon'),
  batchSizeOneMismatches: count.describe('examples predicted otherwise at batch size 1'),
  reasons: z.record(z.string(), count).optional().describe('rejections by reason'),
  seconds: seconds.optional(),
});

const check = z.object({
  id: z.string(),
  verdict: z.enum(['pass', 'warn', 'fail']),
  title: z.string(),
  figures: record.describe('the numbers the verdict rests on'),
  section: z.string().describe('where it is explained: docs/checks.md#id'),
  message: z.string(),
});

const judgement = z.object({
  belief: z.enum(['believable', 'doubtful', 'not believable']),
  reasons: z.array(z.string()).describe('what speaks against the number, the weightiest first'),
  next: z.array(z.string()).describe('what to run or to change next, in the same order'),
});

const sweepPoint = z.object({
  attack: z.string(),
  epsilon: z.number().nonnegative(),
  robustAccuracy: fraction,
  seconds,
  forwards: count.optional(),
  backwards: count.optional(),
});

const epoch = z.object({
  epoch: z.int().positive(),
  loss: z.number().nullable().describe('mean training loss; null when it was not finite'),
  trainAccuracy: fraction
    .nullable()
    .describe('on the examples trained on, adversarial ones where the method makes them'),
  validationAccuracy: fraction.nullable().describe('natural; null: not measured in this epoch'),
  validationRobustAccuracy: fraction.nullable().describe('under PGD; null: not measured in this epoch'),
  forwards: count,
  backwards: count,
  backwardsPerBatch: z.number().nonnegative().describe('#BP: backward passes per mini-batch, counted'),
  seconds,
  learningRate: z.number().nonnegative().describe('at the end of the epoch'),
});

const training = z.object({
  method: z.string(),
  recipe: record.describe('every setting that the run was made with'),
  epochs: z.array(epoch),
});

const environment = z.object({
  node: z.string(),
  onnxruntime: z.string().nullable().describe('version of the native library; null when it was not used'),
  platform: z.string(),
  cpu: z.string(),
  cores: z.int().positive(),
  memoryGiB: z.number().positive(),
  threads: z.int().positive(),
  engine: z.string(),
  device: z.string(),
  packages: z.record(z.string(), z.string()).describe('versions of the npm packages that computed'),
});

const machine = z.object({
  name: z.string(),
  ...environment.shape,
  gitCommit: z.string().optional().describe('of the checkout that ran there; absent outside a checkout'),
  shards: z.int().positive().describe('how many it made'),
  seconds: seconds.describe('that these took'),
});

const perClass = z.object({
  label: count,
  name: z.string().nullable(),
  n: count.describe('attacked images of this class'),
  cleanAccuracy: fraction.nullable().describe('over n; null when n is 0'),
  robustAccuracy: fraction.nullable().describe('over n; null when n is 0'),
});

const shape = z.object({
  schema: z.literal(RESULT_SCHEMA),
  tool,
  createdAt: z.iso.datetime().describe('UTC'),
  seed: z.int(),
  commandLine: z.array(z.string()).describe('the arguments, one by one'),
  model,
  data,
  threat,
  clean,
  attacks: z.array(attack),
  robust,
  robustAccuracy: fraction.describe('pointwise worst case over the attacks: robust.correct / robust.n'),
  confidence,
  verifier,
  checks: z.array(check),
  verdict: judgement.optional().describe('whether the robust accuracy can be believed'),
  sweep: z.array(sweepPoint).describe('the ε curve; one curve per attack name'),
  training: training.nullable().describe('null for a model that was not trained here'),
  perClass: z.array(perClass),
  environment,
  machines: z
    .array(machine)
    .optional()
    .describe(
      'where the attacks were run, if in shards; environment is then where these were merged, seconds of all one after another',
    ),
  seconds: seconds.describe('of the whole audit'),
});

/** What `result.json` holds. */
export type Result = z.infer<typeof shape>;
export type AttackResult = z.infer<typeof attack>;
export type CheckResult = z.infer<typeof check>;
export type SweepPoint = z.infer<typeof sweepPoint>;
export type EpochRecord = z.infer<typeof epoch>;
export type TrainingRecord = z.infer<typeof training>;
export type VerifierResult = z.infer<typeof verifier>;
export type PerClassResult = z.infer<typeof perClass>;
export type Environment = z.infer<typeof environment>;
export type Norm = Result['threat']['norm'];
export type Verdict = CheckResult['verdict'];

/** The contradictions a result may hold even where every field is of its type, as `[path, message]`. */
function* contradictions(result: Result): Generator<[(string | number)[], string]> {
  const share = (part: number, n: number): number => (n === 0 ? 0 : part / n);
  const differ = (a: number, b: number): boolean => Math.abs(a - b) > 1e-6;
  const { clean: c, robust: r, verifier: v } = result;
  if (c.correct > c.n) yield [['clean', 'correct'], `${c.correct} correct of ${c.n} images`];
  if (differ(c.accuracy, share(c.correct, c.n))) yield [['clean', 'accuracy'], 'is not correct / n'];
  if (r.correct > r.n) yield [['robust', 'correct'], `${r.correct} correct of ${r.n} images`];
  if (differ(result.robustAccuracy, share(r.correct, r.n))) {
    yield [['robustAccuracy'], 'is not robust.correct / robust.n'];
  }
  for (const [i, a] of result.attacks.entries()) {
    if (a.broken > r.n || differ(a.robustAccuracy, share(r.n - a.broken, r.n))) {
      yield [['attacks', i, 'robustAccuracy'], 'is not 1 - broken / robust.n'];
    }
    if (a.robustAccuracy < result.robustAccuracy - 1e-6) {
      yield [['robustAccuracy'], `is above that of attack ${a.name}: it is no worst case`];
    }
  }
  if (v.rejected > v.checked)
    yield [['verifier', 'rejected'], `${v.rejected} rejected of ${v.checked} checked`];
  if (v.ok && v.rejected > 0) yield [['verifier', 'ok'], `is true with ${v.rejected} rejected examples`];
  for (const side of ['clean', 'robust'] as const) {
    if (result.confidence[side].lower > result.confidence[side].upper) {
      yield [['confidence', side], 'has lower above upper'];
    }
  }
}

/** The zod schema of {@link Result}, with the checks between fields that JSON Schema cannot express. */
export const resultSchema = shape.superRefine((result, context) => {
  for (const [path, message] of contradictions(result)) context.addIssue({ code: 'custom', path, message });
});

/**
 * Checks a value against the schema.
 *
 * @throws TouchstoneError `E_DATA`, naming the first three fields that are wrong.
 */
export function parseResult(value: unknown): Result {
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 3).map((i) => `${i.path.join('.') || 'result'}: ${i.message}`);
  throw new TouchstoneError('E_DATA', `not a valid result (${issues.join('; ')})`, RESULT_SCHEMA);
}

/** The JSON Schema published at `docs/schema/result-1.json`, as the text of that file. */
export function resultJsonSchema(): string {
  // io 'input': a reader of version 1 must accept fields that a later minor version adds.
  const { $schema, ...rest } = z.toJSONSchema(shape, { target: 'draft-2020-12', io: 'input' });
  const document = {
    $schema,
    $id: 'urn:touchstone:result:1',
    title: 'Touchstone result, version 1',
    ...rest,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
