/** An experiment's jobs through the queue, watched until all have ended. */
import { hostname } from 'node:os';
import { QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { printable } from '../../report/format.ts';
import { isDone } from '../execute/outputs.ts';
import { jobVersion } from '../jobs.ts';
import type { Plan, Scheduler } from '../scheduler.ts';
import type { Store } from '../store.ts';
import { enqueue, openProducer, type Producer } from './enqueue.ts';
import { TRIES, type Tries } from './flows.ts';
import { EXPERIMENTS, PREFIX, QUEUES, queueName } from './names.ts';
import { connect, lastingConnection, type RedisPlace, redisError } from './redis.ts';
import { Tally } from './tally.ts';

export interface QueueOptions {
  readonly redis: RedisPlace;
  readonly tries?: Tries;
  /** How often the queue is asked itself, for what its events did not tell. @default 5000 */
  readonly askMs?: number;
}

/** What is known of an experiment in Redis, for `status`. */
export interface Registration {
  readonly version: string;
  readonly jobs: number;
  /** ISO 8601. */
  readonly begunAt: string;
  readonly host: string;
  readonly store: string;
}

/** Puts jobs into the queue and waits for them; workers go on with them when it is stopped, and calling it again waits anew. */
export function queueScheduler({ redis, tries = TRIES, askMs = 5000 }: QueueOptions): Scheduler {
  return async (plan, store, { onEvent, signal }) => {
    signal?.throwIfAborted();
    const done = await doneOf(plan, store);
    const tally = new Tally(plan, store, onEvent);
    for (const id of done) await tally.ended(id);
    if (tally.open.size === 0) return tally.outcomes();
    await (await connect(redis)).quit();
    const connection = lastingConnection(redis);
    connection.on('error', () => {});
    const producer = openProducer(queueName(jobVersion()), connection);
    const events = new QueueEvents(producer.queue.name, { connection, prefix: PREFIX });
    try {
      events.on('error', () => {});
      await events.waitUntilReady();
      listen(events, producer, tally);
      await register(connection, producer.queue.name, plan, store);
      await enqueue(producer, plan, done, tries);
      await watch({ producer, plan, tally, tries, askMs, signal });
      return tally.outcomes();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw error instanceof Error && /^(ReplyError|Error: connect)/.test(String(error))
        ? redisError(redis, error)
        : error;
    } finally {
      await events.close().catch(() => undefined);
      await producer.close().catch(() => undefined);
      connection.disconnect();
    }
  };
}

/** How many jobs the store is asked for at once. */
const AT_ONCE = 64;

async function doneOf(plan: Plan, store: Store): Promise<Set<string>> {
  const done = new Set<string>();
  for (let i = 0; i < plan.jobs.length; i += AT_ONCE)
    await Promise.all(
      plan.jobs.slice(i, i + AT_ONCE).map(async ({ id }) => {
        if (await isDone(store, id)) done.add(id);
      }),
    );
  return done;
}

async function register(redis: Redis, queue: string, plan: Plan, store: Store): Promise<void> {
  const registration: Registration = {
    version: jobVersion(),
    jobs: plan.jobs.length,
    begunAt: new Date().toISOString(),
    host: hostname(),
    store: store.name,
  };
  await redis.hset(QUEUES, { [queue]: registration.version });
  await redis.hset(EXPERIMENTS, { [plan.name]: JSON.stringify(registration) });
}

/** Events say at once what happened; where Redis was away, or they came too fast, some are lost. */
function listen(events: QueueEvents, { queue }: Producer, tally: Tally): void {
  events.on('active', ({ jobId }) => tally.active(jobId));
  events.on('progress', ({ jobId, data }) => {
    const { fraction, stage, worker } = (typeof data === 'object' && data !== null ? data : {}) as Record<
      string,
      unknown
    >;
    tally.active(jobId, {
      ...(typeof fraction === 'number' ? { fraction: Math.min(1, Math.max(0, fraction)) } : {}),
      ...(typeof stage === 'string' ? { stage: printable(stage, 80) } : {}),
      ...(typeof worker === 'string' ? { worker: printable(worker, 80) } : {}),
    });
  });
  events.on('waiting', ({ jobId, prev }) => {
    if (prev === 'active') tally.retried(jobId, 'its worker put it back');
  });
  events.on('delayed', ({ jobId }) => tally.retried(jobId, 'tried again soon'));
  events.on('stalled', ({ jobId }) => tally.retried(jobId, 'its worker is gone'));
  events.on('completed', ({ jobId }) => void tally.ended(jobId).catch(() => undefined));
  events.on('failed', ({ jobId, failedReason }) => {
    if (!tally.open.has(jobId)) return;
    queue
      .getJob(jobId)
      .then((job) => tally.failed(jobId, failedReason, job?.attemptsMade))
      .catch(() => undefined);
  });
}

interface Watch {
  readonly producer: Producer;
  readonly plan: Plan;
  readonly tally: Tally;
  readonly tries: Tries;
  readonly askMs: number;
  readonly signal: AbortSignal | undefined;
}

/** How many jobs are asked for in a round. */
const ROUND = 2000;

async function watch({ producer, plan, tally, tries, askMs, signal }: Watch): Promise<void> {
  const lost = new Map<string, number>();
  let next = 0;
  while (tally.open.size > 0) {
    await tally.changedOrAfter(askMs, signal);
    signal?.throwIfAborted();
    if (tally.open.size === 0) return;
    const open = [...tally.open];
    if (next >= open.length) next = 0;
    const asked = open.slice(next, next + ROUND);
    next += ROUND;
    // While Redis is away there is nothing to ask; the connection waits for it.
    await ask(producer, tally, asked, lost).catch(() => undefined);
    if ([...lost.values()].some((times) => times >= LOST_AFTER)) {
      lost.clear();
      await enqueue(producer, plan, tally.done(), tries).catch(() => undefined);
    }
  }
}

/** A job that could begin and is nowhere so many times was lost: Redis may have forgotten its last second. */
const LOST_AFTER = 3;

async function ask(
  { queue }: Producer,
  tally: Tally,
  ids: readonly string[],
  lost: Map<string, number>,
): Promise<void> {
  for (const id of ids) {
    if (!tally.open.has(id)) continue;
    const state = await queue.getJobState(id);
    if (state === 'completed' || (state === 'unknown' && tally.ready(id))) await tally.ended(id);
    if (state === 'failed') {
      const job = await queue.getJob(id);
      tally.failed(id, job?.failedReason, job?.attemptsMade);
    }
    // Done, says the queue, and the store does not have it; or it could begin, and is nowhere.
    if (tally.open.has(id) && tally.ready(id) && (state === 'unknown' || state === 'completed')) {
      lost.set(id, (lost.get(id) ?? 0) + 1);
    } else lost.delete(id);
  }
}
