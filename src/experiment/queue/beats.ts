/** Workers say now and then that they are there, and what they are. */
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { BEATS, WORKERS } from './names.ts';

const workerSchema = z.object({
  name: z.string().max(200),
  host: z.string().max(200),
  pid: z.int(),
  version: z.string().max(80),
  devices: z.array(z.string().max(20)).max(8),
  concurrency: z.int().positive(),
  threads: z.int().positive().optional(),
  store: z.string().max(1000),
  /** ISO 8601. */
  since: z.string().max(40),
});

/** What a worker says of itself. */
export type WorkerInfo = z.infer<typeof workerSchema>;

export const BEAT_MS = 10_000;
/** Silent for so long is gone. */
const GONE_MS = 6 * BEAT_MS;
const DAY_MS = 86_400_000;

export async function beat(redis: Redis, info: WorkerInfo): Promise<void> {
  await redis
    .multi()
    .hset(WORKERS, info.name, JSON.stringify(info))
    .zadd(BEATS, Date.now(), info.name)
    .exec();
}

/** A worker that ends says so. */
export async function lastBeat(redis: Redis, name: string): Promise<void> {
  await redis.multi().hdel(WORKERS, name).zrem(BEATS, name).exec();
}

/** The workers that are there, with the seconds since each was heard of; those of yesterday are forgotten. */
export async function workersOf(redis: Redis): Promise<{ info: WorkerInfo; silent: number }[]> {
  const now = Date.now();
  const old = await redis.zrangebyscore(BEATS, '-inf', now - DAY_MS);
  if (old.length > 0)
    await redis
      .multi()
      .hdel(WORKERS, ...old)
      .zrem(BEATS, ...old)
      .exec();
  const names = await redis.zrangebyscore(BEATS, now - GONE_MS, '+inf', 'WITHSCORES');
  const found: { info: WorkerInfo; silent: number }[] = [];
  for (let i = 0; i + 1 < names.length; i += 2) {
    const info = parsed(await redis.hget(WORKERS, names[i]!));
    if (info) found.push({ info, silent: Math.max(0, (now - Number(names[i + 1])) / 1000) });
  }
  return found.sort((a, b) => (a.info.name < b.info.name ? -1 : 1));
}

function parsed(text: string | null): WorkerInfo | undefined {
  try {
    return workerSchema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
