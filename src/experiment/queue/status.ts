/** What runs where, what waits, what failed and why. */
import { type JobType, Queue, type Job as QueueJob } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { printable } from '../../report/format.ts';
import { type WorkerInfo, workersOf } from './beats.ts';
import { EXPERIMENTS, PREFIX, QUEUES } from './names.ts';
import { connect, type RedisPlace, redisError } from './redis.ts';

/** A job in some worker's hands. */
export interface ActiveJob {
  readonly id: string;
  readonly title: string;
  readonly experiment: string;
  readonly worker: string;
  readonly version: string;
  /** From 0 to 1. */
  readonly fraction: number;
  readonly stage: string;
  /** ISO 8601. */
  readonly since: string;
  /** Which try. */
  readonly attempt: number;
}

export interface FailedJob {
  readonly id: string;
  readonly title: string;
  readonly experiment: string;
  readonly version: string;
  readonly reason: string;
  readonly attempts: number;
  readonly at: string;
}

export interface Counts {
  readonly waiting: number;
  /** For their needs. */
  readonly blocked: number;
  /** For another try, or another worker. */
  readonly delayed: number;
  readonly active: number;
  readonly done: number;
  readonly failed: number;
}

export interface ExperimentStatus {
  readonly name: string;
  readonly version: string;
  readonly jobs: number;
  readonly begunAt: string;
  /** Undefined where there are too many jobs to look at each. */
  readonly counts?: Counts;
}

export interface QueueStatus {
  readonly schema: 'touchstone-queue-status/1';
  readonly redis: string;
  readonly workers: readonly (WorkerInfo & { readonly silentSeconds: number })[];
  readonly queues: readonly ({ readonly version: string } & Counts)[];
  readonly experiments: readonly ExperimentStatus[];
  readonly active: readonly ActiveJob[];
  /** The latest, {@link MOST_SHOWN} at most. */
  readonly failed: readonly FailedJob[];
}

const MOST_SHOWN = 200;
/** With more jobs than these, only totals are counted. */
const MOST_COUNTED = 20_000;

/** @throws E_OPTION where Redis does not answer */
export async function queueStatus(place: RedisPlace): Promise<QueueStatus> {
  const redis = await connect(place);
  try {
    const queues = Object.entries(await redis.hgetall(QUEUES)).slice(0, 100);
    const parts = await Promise.all(queues.map(([name, version]) => partOf(redis, name, version)));
    return {
      schema: 'touchstone-queue-status/1',
      redis: place.name,
      workers: (await workersOf(redis)).map(({ info, silent }) => ({
        ...clean(info),
        silentSeconds: silent,
      })),
      queues: parts.map(({ version, counts }) => ({ version, ...counts })),
      experiments: await experimentsOf(redis, parts),
      active: parts.flatMap(({ active }) => active),
      failed: parts.flatMap(({ failed }) => failed),
    };
  } catch (error) {
    throw redisError(place, error);
  } finally {
    redis.disconnect();
  }
}

interface Part {
  readonly version: string;
  readonly counts: Counts;
  readonly active: readonly ActiveJob[];
  readonly failed: readonly FailedJob[];
  /** By experiment; undefined where there are too many jobs. */
  readonly each: ReadonlyMap<string, Counts> | undefined;
}

/** BullMQ's states in our words. */
const STATES = {
  waiting: ['wait', 'prioritized'],
  blocked: ['waiting-children'],
  delayed: ['delayed'],
  active: ['active'],
  done: ['completed'],
  failed: ['failed'],
} as const satisfies Record<keyof Counts, readonly JobType[]>;
const KINDS = Object.keys(STATES) as (keyof Counts)[];
const NONE: Counts = { waiting: 0, blocked: 0, delayed: 0, active: 0, done: 0, failed: 0 };

async function partOf(connection: Redis, name: string, version: string): Promise<Part> {
  const queue = new Queue(name, { connection, prefix: PREFIX, skipMetasUpdate: true });
  queue.on('error', () => {});
  try {
    const raw = await queue.getJobCounts(...KINDS.flatMap((kind) => STATES[kind]));
    const counts = { ...NONE };
    for (const kind of KINDS) counts[kind] = STATES[kind].reduce((sum, state) => sum + (raw[state] ?? 0), 0);
    const total = KINDS.reduce((sum, kind) => sum + counts[kind], 0);
    const [active, failed] = [
      await jobsOf(queue, ['active'], MOST_SHOWN),
      await jobsOf(queue, ['failed'], MOST_SHOWN),
    ];
    return {
      version: printable(version, 80),
      counts,
      active: active.map((job) => activeJob(job, version)),
      failed: failed.map((job) => failedJob(job, version)),
      each: total <= MOST_COUNTED ? await countEach(queue) : undefined,
    };
  } finally {
    await queue.close();
  }
}

/** Those that are jobs: somebody else's bytes among them must not hide the others. */
async function jobsOf(queue: Queue, states: readonly JobType[], most: number): Promise<QueueJob[]> {
  try {
    return (await queue.getJobs([...states], 0, most - 1)).filter(Boolean);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const jobs: QueueJob[] = [];
  for (const id of (await queue.getRanges([...states], 0, most - 1)).slice(0, most)) {
    const job = await queue.getJob(id).catch(() => undefined);
    if (job) jobs.push(job);
  }
  return jobs;
}

async function countEach(queue: Queue): Promise<Map<string, Counts>> {
  const each = new Map<string, Counts>();
  for (const kind of KINDS)
    for (const job of await jobsOf(queue, STATES[kind], MOST_COUNTED)) {
      // A release is no job of the experiment, but what puts some of them into the queue.
      if (job.name === 'release') continue;
      const { experiment } = wordsOf(job);
      const before = each.get(experiment) ?? NONE;
      each.set(experiment, { ...before, [kind]: before[kind] + 1 });
    }
  return each;
}

const registration = z.object({ version: z.string(), jobs: z.int(), begunAt: z.string() });

async function experimentsOf(redis: Redis, parts: readonly Part[]): Promise<ExperimentStatus[]> {
  const found: ExperimentStatus[] = [];
  for (const [name, text] of Object.entries(await redis.hgetall(EXPERIMENTS)).slice(0, 1000)) {
    const known = registrationOf(text);
    if (!known) continue;
    const counts = parts.find(({ version }) => version === known.version)?.each?.get(printable(name, 80));
    found.push({
      name: printable(name, 80),
      version: printable(known.version, 80),
      jobs: known.jobs,
      begunAt: printable(known.begunAt, 40),
      ...(counts === undefined ? {} : { counts }),
    });
  }
  return found.sort((a, b) => (a.begunAt < b.begunAt ? -1 : 1));
}

function registrationOf(text: string): z.infer<typeof registration> | undefined {
  try {
    return registration.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What a payload says of itself, whoever wrote it. */
function wordsOf({ data, id, name }: QueueJob): { id: string; title: string; experiment: string } {
  const words = (typeof data === 'object' && data !== null ? data : {}) as Readonly<Record<string, unknown>>;
  const job = (typeof words.job === 'object' && words.job !== null ? words.job : {}) as Readonly<
    Record<string, unknown>
  >;
  const part = typeof job.index === 'number' && typeof job.of === 'number' ? ` ${job.index}/${job.of}` : '';
  const title = typeof words.title === 'string' ? ` of ${words.title}` : '';
  return {
    id: printable(String(id), 80),
    title: printable(`${name}${part}${title}`, 160),
    experiment: printable(typeof words.experiment === 'string' ? words.experiment : '?', 80),
  };
}

const at = (milliseconds: number | null | undefined): string =>
  new Date(typeof milliseconds === 'number' ? milliseconds : 0).toISOString();

function activeJob(job: QueueJob, version: string): ActiveJob {
  const progress = (
    typeof job.progress === 'object' && job.progress !== null ? job.progress : {}
  ) as Readonly<Record<string, unknown>>;
  return {
    ...wordsOf(job),
    worker: printable(job.processedBy ?? '?', 80),
    version: printable(version, 80),
    fraction: typeof progress.fraction === 'number' ? Math.min(1, Math.max(0, progress.fraction)) : 0,
    stage: printable(typeof progress.stage === 'string' ? progress.stage : '', 80),
    since: at(job.processedOn),
    attempt: job.attemptsMade + 1,
  };
}

const failedJob = (job: QueueJob, version: string): FailedJob => ({
  ...wordsOf(job),
  version: printable(version, 80),
  reason: printable(job.failedReason ?? '', 500),
  attempts: job.attemptsMade,
  at: at(job.finishedOn),
});

const clean = (info: WorkerInfo): WorkerInfo => ({
  ...info,
  name: printable(info.name, 80),
  host: printable(info.host, 80),
  version: printable(info.version, 80),
  devices: info.devices.map((device) => printable(device, 20)),
  store: printable(info.store, 200),
  since: printable(info.since, 40),
});
