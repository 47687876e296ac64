/** One shard of an audit on disk: some of its chunks. */
import { TouchstoneError } from '../errors.ts';
import { combine } from '../eval/index.ts';
import { assertFree } from './audit-files.ts';
import { attackChunks, type ChunkRange, chunkCount, type Job, withJob } from './audit-job.ts';
import type { AuditRunOptions } from './audit-options.ts';
import { openAuditFolder, requestHash } from './audit-parts.ts';
import { sharedRequestOf } from './audit-request.ts';
import { attackNames, stagesOf } from './audit-stages.ts';
import {
  blankRecord,
  MOST_SHARDS,
  readShard,
  type ShardPlace,
  type ShardRecord,
  writeShard,
} from './shard-record.ts';

/** `out` gets audit.json, shard.json and parts: what the merge reads. It must be new or empty, or hold this shard. */
export interface ShardRunOptions extends Omit<AuditRunOptions, 'budget'> {
  readonly out: string;
  readonly shard: ShardPlace;
}

/**
 * Attacks the shard's images, and leaves what the merge needs. Interrupted, it goes on in the same folder; done again, it only
 * reads what is there.
 *
 * @throws TouchstoneError E_OPTION for more shards than chunks; E_FILE where the folder holds something else; else as an audit does
 */
export async function shardRun(options: ShardRunOptions): Promise<ShardRecord> {
  const started = performance.now();
  const { out, shard } = options;
  attackNames(options);
  assertPlace(shard);
  await assertFree(out, options.model, { shard: true });
  await assertSamePlace(out, shard);
  return withJob(
    options,
    (card) => stagesOf(options, card),
    async (job) => {
      const range = shardRange(shard, job);
      const request = sharedRequestOf(job);
      const blank = blankRecord(shard, requestHash(request), options);
      const had = await readShard(out);
      // First, so that whoever finds audit.json knows that it is a shard's.
      if (!had) await writeShard(out, blank);
      const folder = await openAuditFolder(out, request);
      const { chunks, earlier, attacked } = await attackChunks(job, range, folder);
      if (attacked === 0 && had?.state === 'whole' && had.request === folder.request) return had;
      const { n, predicted, robust } = combine(chunks);
      const from = range.from * job.chunkSize;
      const whole: ShardRecord = {
        ...blank,
        state: 'whole',
        images: n,
        correct: predicted.filter((label, i) => label === job.data.labels[from + i]).length,
        robust: robust.filter(Boolean).length,
        seconds: earlier + (performance.now() - started) / 1000,
      };
      await writeShard(out, whole);
      return whole;
    },
  );
}

/** @throws E_OPTION */
function assertPlace({ index, of }: ShardPlace): void {
  const whole = Number.isSafeInteger(index) && Number.isSafeInteger(of);
  if (whole && index >= 1 && index <= of && of <= MOST_SHARDS) return;
  throw new TouchstoneError('E_OPTION', `shard ${index}/${of}`, 'i/n with i from 1 to n, as 2/8');
}

async function assertSamePlace(out: string, { index, of }: ShardPlace): Promise<void> {
  const had = await readShard(out);
  if (!had || (had.index === index && had.of === of)) return;
  throw new TouchstoneError(
    'E_FILE',
    `${out} holds shard ${had.index}/${had.of}`,
    `shard ${index}/${of}, or a new folder`,
    'name another with --out',
  );
}

/**
 * The chunks of a shard: the shards share them evenly and in order.
 *
 * @throws E_OPTION where there are more shards than chunks
 */
export function shardRange({ index, of }: ShardPlace, job: Pick<Job, 'images' | 'chunkSize'>): ChunkRange {
  const count = chunkCount(job);
  if (of <= count)
    return { from: Math.floor(((index - 1) * count) / of), to: Math.floor((index * count) / of) };
  const { images, chunkSize } = job;
  throw new TouchstoneError(
    'E_OPTION',
    `${of} shards of ${images} images in ${count} chunk${count === 1 ? '' : 's'} of ${chunkSize}`,
    'a chunk per shard at least',
    of > images
      ? `make it ${images} shards at most`
      : `pass --chunk ${Math.floor((images - 1) / (of - 1))} to all of them`,
  );
}
