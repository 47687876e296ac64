/** What a shard says of itself: `shard.json`, beside audit.json and its parts. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { z } from 'zod';
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { readFileLimited, tool, writeFileAtomic } from '../io/index.ts';
import type { Environment } from '../report/index.ts';
import { environmentRecord } from './records.ts';

export const SHARD = 'shard.json';
export const MOST_SHARDS = 1_000_000;
const MOST_BYTES = 2 ** 16;

const count = z.int().nonnegative();
/** One line, which cannot steer a terminal. */
const line = (most: number) =>
  z
    .string()
    .max(most)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e]*$/, 'expected no control characters');
const short = line(200);

const environment = z.strictObject({
  node: short,
  onnxruntime: short.nullable(),
  platform: short,
  cpu: short,
  cores: z.int().positive(),
  memoryGiB: z.number().positive(),
  threads: z.int().positive(),
  engine: short,
  device: short,
  packages: z.record(short, short),
}) satisfies z.ZodType<Environment>;

const record = z.strictObject({
  schema: z.literal('touchstone-shard/1'),
  /** From 1 to `of`. */
  index: z.int().positive(),
  of: z.int().positive().max(MOST_SHARDS),
  state: z.enum(['under way', 'whole']),
  /** SHA-256 of audit.json. */
  request: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where the model was read and the data, as they were named. */
  model: line(4096),
  data: line(4096),
  /** Of its images: how many there are, are classified correctly, and are so under every attack as well. */
  images: count,
  correct: count,
  robust: count,
  seconds: z.number().nonnegative(),
  tool: z.strictObject({ name: short, version: short, gitCommit: short.optional() }),
  machine: z.strictObject({ name: short, ...environment.shape }),
});

export type ShardRecord = z.infer<typeof record>;

/** Which part of an audit. */
export interface ShardPlace {
  /** From 1 to `of`. */
  readonly index: number;
  readonly of: number;
}

export const machineRecord = (engine: Engine): ShardRecord['machine'] => ({
  name: hostname().slice(0, 200),
  ...environmentRecord(engine),
});

interface Subject {
  readonly model: string;
  readonly modelName?: string;
  readonly data: string;
  readonly engine: Engine;
}

/** A record of what has yet to be done. */
export const blankRecord = (
  { index, of }: ShardPlace,
  request: string,
  { model, modelName = model, data, engine }: Subject,
): ShardRecord => ({
  schema: 'touchstone-shard/1',
  index,
  of,
  state: 'under way',
  request,
  model: modelName,
  data,
  images: 0,
  correct: 0,
  robust: 0,
  seconds: 0,
  tool: tool(),
  machine: machineRecord(engine),
});

/**
 * What a folder says of the shard that it holds.
 *
 * @returns undefined where it holds none
 * @throws E_DATA where it is damaged
 */
export async function readShard(dir: string): Promise<ShardRecord | undefined> {
  const path = join(dir, SHARD);
  if (!(await fs.pathExists(path))) return undefined;
  const bytes = await readFileLimited(path, MOST_BYTES);
  try {
    const shard = record.parse(JSON.parse(new TextDecoder().decode(bytes)));
    if (shard.index <= shard.of) return shard;
    throw new Error(`shard ${shard.index} of ${shard.of}`);
  } catch (cause) {
    throw new TouchstoneError(
      'E_DATA',
      `${path} is damaged`,
      'as it was written',
      `remove ${dir}, and make the shard again`,
      { cause },
    );
  }
}

export const writeShard = (dir: string, shard: ShardRecord): Promise<void> =>
  writeFileAtomic(join(dir, SHARD), `${JSON.stringify(shard, null, 2)}\n`);
