/** What an experiment.json holds. */
import { z } from 'zod';
import { architectures } from '../../models/index.ts';
import { jsonSchemaText } from '../report/json-schema.ts';
import { methods } from '../train/index.ts';
import { trainSettings } from './execute/train.ts';
import { label } from './jobs.ts';

export const EXPERIMENT_SCHEMA = 'touchstone-experiment/1';

const NUMBER = String.raw`(\d+\.?\d*|\.\d+)(e[+-]?\d+)?`;
const RATIO = new RegExp(`^ *${NUMBER} */ *${NUMBER} *$`, 'i');

/** As people write radii: 0.03 or "8/255". */
const number = z
  .union([z.number(), z.string().regex(RATIO, 'expected a number, or one like "8/255"')])
  .transform((value) => {
    if (typeof value === 'number') return value;
    const [over, under] = value.split('/').map(Number) as [number, number];
    return over / under;
  });

const radius = number
  .pipe(z.number().positive().max(1e4))
  .describe('in pixel space, [0, 1]: 0.1, or "8/255"');

const { method: _, model: __, seed: ___, epsilon: ____, stepSize: _____, ...settings } = trainSettings.shape;

/** What training runs can be told, here and for one method alone. */
const training = {
  ...settings,
  epsilon: radius.optional().describe('train with this radius, whatever the audit has (L∞)'),
  stepSize: radius.optional(),
};

const names = (of: object) => z.enum(Object.keys(of) as [string, ...string[]]);

const method = z.union([
  names(methods),
  z.strictObject({
    method: names(methods),
    label: label.optional().describe('what the tables call it; the method, where nothing is said'),
    ...training,
  }),
]);

const data = z.union([
  z.string().min(1).describe('as --data takes it: mnist, cifar10:DIR, FILE.npz'),
  z.strictObject({ data: z.string().min(1), label: label.optional() }),
]);

const checkpoint = z.union([
  z.string().min(1).describe('an .onnx file, audited as it is'),
  z.strictObject({ file: z.string().min(1), label: label.optional() }),
]);

const list = <T extends z.ZodType>(item: T) => z.array(item).max(1000);

const audit = z.strictObject({
  norm: z.enum(['linf', 'l2', 'l1']).default('linf'),
  attacks: list(z.string().min(1))
    .min(1)
    .max(32)
    .optional()
    .describe('as --attacks takes them; the usual ones, where nothing is said'),
  parameters: z
    .record(z.string(), number)
    .optional()
    .describe('steps, stepSize, restarts, in place of the attacks’ own'),
  limit: z.int().positive().default(1000).describe('images attacked, the first ones'),
  shards: z.int().positive().max(1e6).default(1).describe('jobs that an audit is cut into'),
  chunk: z
    .int()
    .positive()
    .optional()
    .describe('images attacked together; 512, or fewer where shards want it. Results depend on it'),
});

const shape = z.strictObject({
  $schema: z.string().optional(),
  schema: z.literal(EXPERIMENT_SCHEMA),
  name: label,
  methods: list(method).default([]),
  models: list(names(architectures)).default([]).describe('architectures, each trained by each method'),
  checkpoints: list(checkpoint).default([]),
  data: list(data).min(1),
  eps: list(radius).min(1),
  seeds: list(z.int().nonnegative()).min(1).default([0]),
  training: z.strictObject(training).default({}).describe('for all methods; what a method says itself wins'),
  audit: audit.prefault({}),
  engine: z
    .strictObject({
      name: z.enum(['onnxruntime', 'tensorflow']).default('onnxruntime'),
      device: z.enum(['cpu', 'cuda']).default('cpu'),
    })
    .prefault({}),
});

/** The zod schema of an experiment.json; what is left out has its default in the output. */
export const experimentSchema = shape;

export type Experiment = z.infer<typeof shape>;

/** The JSON Schema published at `docs/schema/experiment-1.json`, as the text of that file. */
export const experimentJsonSchema = (): string =>
  jsonSchemaText(shape, 'urn:touchstone:experiment:1', 'Touchstone experiment, version 1');
