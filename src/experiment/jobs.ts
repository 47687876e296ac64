/**
 * The jobs that an experiment is made of, as data: what a queue carries, what a Slurm script reads, what a local worker gets.
 * A payload names things by hashes and by names that a worker knows, never by paths, and holds nothing to execute.
 */
import { z } from 'zod';
import { tool } from '../io/environment.ts';
import { sha256 } from '../io/hash.ts';

/** 64 lower-case hexadecimal digits. */
export const hash = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hexadecimal digits');

/** A short name that is safe as a file's and in a terminal. */
export const label = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9+_.-]{0,79}$/, 'expected letters, digits and + _ . -');

/** Images: a data set that each worker has by its own path, or a file of the store. `sha256` is of the loaded images and labels. */
const data = z.union([
  z.strictObject({ name: label, train: hash.optional(), test: hash.optional() }),
  z.strictObject({
    blob: hash,
    /** What results call it. @default its hash */
    label: label.optional(),
    layout: z.enum(['nchw', 'nhwc']).optional(),
    train: hash.optional(),
    test: hash.optional(),
  }),
]);

/** A classifier: what an export job wrote, or a file of the store. */
const model = z.union([z.strictObject({ export: hash }), z.strictObject({ blob: hash })]);

const engine = z.strictObject({
  name: z.enum(['onnxruntime', 'tensorflow']),
  device: z.enum(['cpu', 'cuda']),
});

/** The version that a job must be of: equal jobs give equal digits under equal versions only. */
export const jobVersion = (): string => tool().version;

const small = z.union([z.string().max(200), z.number(), z.boolean(), z.array(z.number()).max(64)]);
const common = { schema: z.literal('touchstone-job/1'), version: z.string().max(80) };

/** One training run, which is not split. */
const train = z.strictObject({
  ...common,
  kind: z.literal('train'),
  /** As `startRun` takes them, but for data, folder, engine and threads. */
  settings: z.record(z.string().max(40), small),
  /** Of a model to begin with. */
  init: hash.optional(),
  data,
  engine,
});

/** The deployable model of a training run. */
const exported = z.strictObject({ ...common, kind: z.literal('export'), train: hash });

const request = {
  model,
  data,
  engine,
  threat: z.strictObject({ norm: z.enum(['linf', 'l2', 'l1']), epsilon: z.number().positive().max(1e4) }),
  attacks: z.array(label).min(1).max(32).optional(),
  parameters: z.record(z.string().max(40), z.number()).optional(),
  limit: z.int().positive(),
  /** Images that are attacked together. */
  chunk: z.int().positive(),
  seed: z.int().nonnegative(),
};

/** Some of an audit's chunks. */
const shard = z.strictObject({
  ...common,
  kind: z.literal('shard'),
  ...request,
  /** From 1 to `of`. */
  index: z.int().positive(),
  of: z.int().positive().max(1e6),
});

/** The audit that its shards make up. */
const merge = z.strictObject({
  ...common,
  kind: z.literal('merge'),
  ...request,
  of: z.int().positive().max(1e6),
});

/** Any job, as it comes from outside. */
export const jobSchema = z.discriminatedUnion('kind', [train, exported, shard, merge]);

export type Job = z.infer<typeof jobSchema>;
export type JobKind = Job['kind'];
export type TrainJob = Extract<Job, { kind: 'train' }>;
export type ExportJob = Extract<Job, { kind: 'export' }>;
export type ShardJob = Extract<Job, { kind: 'shard' }>;
export type MergeJob = Extract<Job, { kind: 'merge' }>;
export type DataRef = z.infer<typeof data>;
export type ModelRef = z.infer<typeof model>;

/** The same value, keys in order: equal jobs have equal texts. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, ordered(v)]));
}

/** A job's name, of all its inputs: whoever does it twice writes the same thing to the same place. */
export const jobId = (job: Job): string => sha256(new TextEncoder().encode(JSON.stringify(ordered(job))));

/** The jobs that must be done before: the shards of a merge, the export of a shard, the run of an export. */
export function needsOf(job: Job): string[] {
  switch (job.kind) {
    case 'train':
      return [];
    case 'export':
      return [job.train];
    case 'shard':
      return 'export' in job.model ? [job.model.export] : [];
    case 'merge':
      return shardsOf(job).map(jobId);
  }
}

/** The parts of an audit. */
export function shardsOf({ kind: _, ...rest }: MergeJob): ShardJob[] {
  return Array.from({ length: rest.of }, (_, i) => ({ ...rest, kind: 'shard', index: i + 1 }));
}
