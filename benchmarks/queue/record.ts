import { z } from 'zod';
import { machineShape, toolShape } from '../origin.ts';

const rate = z.object({
  jobs: z.int().positive(),
  seconds: z.number().positive(),
  /** Of wall time. */
  perSecond: z.number().positive(),
  /** CPU time that Redis took for each, microseconds. */
  redisMicroseconds: z.number().nonnegative(),
  /** CPU time that the process that adds or takes them took for each, microseconds. */
  nodeMicroseconds: z.number().nonnegative(),
});

/** What `bench queue` measured. */
export const queueRecord = z.object({
  benchmark: z.literal('queue'),
  tool: toolShape,
  machine: machineShape,
  versions: z.object({ redis: z.string(), bullmq: z.string(), ioredis: z.string() }),
  /** Of Redis: what it was started with. */
  persistence: z.string(),
  /** Bytes of a job's data as JSON: a shard's, as the queue carries it. */
  payloadBytes: z.int().positive(),
  /** Jobs at once in the one process that takes them. */
  concurrency: z.int().positive(),
  /** Jobs alone, in batches of 1,000. */
  add: rate,
  /** Audits of so many shards each, as flows. */
  flows: rate.extend({ shards: z.int().positive() }),
  /** A processor that does nothing. */
  work: rate,
  memory: z.object({
    /** Bytes that Redis used before the first job. */
    empty: z.int().nonnegative(),
    /** With all jobs waiting. */
    waiting: z.int().positive(),
    /** With all jobs done and kept. */
    done: z.int().positive(),
    /** At most, while they were added and done. */
    peak: z.int().positive(),
    perWaitingJob: z.number().positive(),
    perDoneJob: z.number().positive(),
    /** Of a shard that waits in an audit's flow. */
    perShardInFlow: z.number().positive(),
  }),
});

export type QueueRecord = z.infer<typeof queueRecord>;
