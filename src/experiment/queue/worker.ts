/** A worker: takes jobs of its version from the queue, one after the other, until it is stopped. */
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { type Job as QueueJob, Worker } from 'bullmq';
import fs from 'fs-extra';
import type { Redis } from 'ioredis';
import { holdAlone } from '../child/hold.ts';
import { type Job, jobVersion } from '../jobs.ts';
import { openStore } from '../store/index.ts';
import { BEAT_MS, beat, lastBeat, type WorkerInfo } from './beats.ts';
import { openProducer } from './enqueue.ts';
import { PREFIX, QUEUES, queueName } from './names.ts';
import { processJob, type Site } from './process.ts';
import { connect, lastingConnection, type RedisPlace, redisError } from './redis.ts';
import { Slots } from './slots.ts';

/** How quickly the queue notices that a worker is gone. */
export interface Pace {
  /** A job whose worker has not said for so long that it is at it is taken by another. */
  readonly lockMs: number;
  /** How often workers look for such jobs. */
  readonly stalledMs: number;
  /** How long a worker waits after Redis was gone. */
  readonly againMs: number;
}

/** The process that talks to Redis does nothing else, so that a lock need not outlast a long step of training. */
const PACE: Pace = { lockMs: 60_000, stalledMs: 30_000, againMs: 5000 };

/** A job of a machine that is taken away again and again is not at fault; one that kills its process fails by itself. */
const MOST_STALLED = 100;

export interface WorkerOptions {
  readonly redis: RedisPlace;
  /** As `--store` takes it. */
  readonly store: string;
  /** For half-done work, of this worker alone. It writes nowhere else but to the store. */
  readonly folder: string;
  readonly data: ReadonlyMap<string, string>;
  readonly devices: readonly ('cpu' | 'cuda')[];
  /** Jobs at once. */
  readonly concurrency: number;
  /** Of each job. */
  readonly threads?: number;
  /** A line for people. */
  readonly say: (line: string) => void;
  /** Puts back what is under way and ends. */
  readonly stop: AbortSignal;
  readonly pace?: Pace;
  /** What its children run instead of `executeJob`: for tests. */
  readonly entry?: URL;
}

/**
 * Works until it is stopped.
 *
 * @throws E_OPTION where Redis does not answer, or the folder is another worker's; E_FILE where there is no store
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { redis: place, say, stop, pace = PACE } = options;
  const folder = resolve(options.folder);
  await fs.ensureDir(folder);
  const release = await holdAlone(`the work folder ${await fs.realpath(folder)}`);
  const store = await openStore(options.store, { create: false });
  await (await connect(place)).quit();
  const connection = lastingConnection(place);
  const talk = silenceOf(connection, place, say);
  const info = infoOf(options, store.name);
  const producer = openProducer(queueName(info.version), connection);
  const { pace: _, entry, ...rest } = options;
  const slots = new Slots({ ...childPlace(rest), folder: join(folder, 'work') }, entry);
  slots.warm(options.concurrency);
  const site: Site = {
    name: info.name,
    store,
    producer,
    execute: (job, controls) => slots.run(job, controls),
    cannot: (job) => cannot(job, options),
    said: new Set(),
    stop,
    say,
  };
  const worker = new Worker(
    queueName(info.version),
    (queued: QueueJob, token?: string) => processJob(queued, token, site),
    {
      connection,
      prefix: PREFIX,
      name: info.name,
      concurrency: options.concurrency,
      lockDuration: pace.lockMs,
      stalledInterval: pace.stalledMs,
      maxStalledCount: MOST_STALLED,
      runRetryDelay: pace.againMs,
    },
  );
  worker.on('error', (error) => talk.trouble(error));
  const beats = startBeats(connection, info, say);
  say(
    `worker ${info.name}: touchstone ${info.version}, ${place.name}, store ${store.name}, work in ${folder}`,
  );
  await stopped(stop);
  say('stopping: jobs under way are put back');
  try {
    await worker.close();
    beats.end();
    if (connection.status === 'ready') await lastBeat(connection, info.name);
  } finally {
    slots.kill();
    await producer.close();
    connection.disconnect();
    await store.close();
    release();
  }
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const childPlace = ({ store, data, threads, devices }: WorkerOptions) => ({
  store,
  data,
  devices,
  ...(threads === undefined ? {} : { threads }),
});

function infoOf({ devices, concurrency, threads }: WorkerOptions, store: string): WorkerInfo {
  const host = hostname();
  return {
    name: `${host}:${process.pid}`,
    host,
    pid: process.pid,
    version: jobVersion(),
    devices: [...devices],
    concurrency,
    ...(threads === undefined ? {} : { threads }),
    store,
    since: new Date().toISOString(),
  };
}

/** Data sets that need no folder. */
const EVERYWHERE = ['mnist'];

/** Why a job is for others: it is not at fault, and no try of it is spent. */
function cannot(job: Job, { data, devices }: Pick<WorkerOptions, 'data' | 'devices'>): string | undefined {
  if ('engine' in job && !devices.includes(job.engine.device))
    return `it wants ${job.engine.device}; start a worker with --device ${job.engine.device}`;
  if ('data' in job && 'name' in job.data) {
    const { name } = job.data;
    if (!data.has(name) && !EVERYWHERE.includes(name))
      return `it wants the data set ${name}; start a worker with --data ${name}=SPEC`;
  }
  return undefined;
}

/** Says once that Redis is gone, and once that it is back. */
function silenceOf(connection: Redis, place: RedisPlace, say: (line: string) => void) {
  let gone = false;
  const trouble = (error: unknown) => {
    if (connection.status === 'ready') {
      say(redisError(place, error).got);
    } else if (!gone) {
      gone = true;
      say(`${redisError(place, error).got}; waiting for it`);
    }
  };
  connection.on('error', trouble);
  connection.on('ready', () => {
    if (gone) say(`${place.name} is back`);
    gone = false;
  });
  return { trouble };
}

/** Beats, and looks whether jobs wait for workers of another version. */
function startBeats(connection: Redis, info: WorkerInfo, say: (line: string) => void): { end(): void } {
  const said = new Map<string, boolean>();
  let under = false;
  const once = async () => {
    if (under || connection.status !== 'ready') return;
    under = true;
    try {
      await beat(connection, info);
      for (const { version, waiting } of await otherVersions(connection, info.version)) {
        if (waiting > 0 && !said.get(version))
          say(
            `${waiting} jobs wait for workers of touchstone ${version}; this one is ${info.version} and leaves them alone`,
          );
        said.set(version, waiting > 0);
      }
    } catch {
      // The next beat tries again; that Redis is gone is said elsewhere.
    } finally {
      under = false;
    }
  };
  // At once, or as soon as Redis is there.
  const first = () => void once();
  connection.on('ready', first);
  first();
  const timer = setInterval(() => void once(), BEAT_MS);
  return {
    end() {
      clearInterval(timer);
      connection.off('ready', first);
    },
  };
}

async function otherVersions(
  connection: Redis,
  own: string,
): Promise<{ version: string; waiting: number }[]> {
  const queues = await connection.hgetall(QUEUES);
  const others = Object.entries(queues).filter(([, version]) => version !== own);
  return Promise.all(
    others.slice(0, 100).map(async ([name, version]) => ({
      version: version.slice(0, 80),
      waiting: await connection.llen(`${PREFIX}:${name}:wait`),
    })),
  );
}
