/** Jobs that do nothing through a Redis of one's own: what the queue itself costs. */
import { type FlowJob, FlowProducer, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobId, jobVersion, type MergeJob, shardsOf } from '../../src/experiment/jobs.ts';
import { PREFIX } from '../../src/experiment/queue/names.ts';
import type { QueueRecord } from './record.ts';

type Rate = QueueRecord['add'];

const BATCH = 1000;

export interface Measured {
  readonly payloadBytes: number;
  readonly add: Rate;
  readonly flows: QueueRecord['flows'];
  readonly work: Rate;
  readonly memory: QueueRecord['memory'];
}

interface Request {
  readonly redis: Redis;
  readonly jobs: number;
  /** Of an audit. */
  readonly shards: number;
  readonly concurrency: number;
  readonly onProgress: (stage: string, fraction: number) => void;
}

/** An audit as an experiment has it; its shards are what the jobs carry. */
const audit = (of: number, seed: number): MergeJob => ({
  schema: 'touchstone-job/1',
  version: jobVersion(),
  kind: 'merge',
  model: { export: 'a'.repeat(64) },
  data: { name: 'cifar10', test: 'b'.repeat(64) },
  engine: { name: 'onnxruntime', device: 'cpu' },
  threat: { norm: 'linf', epsilon: 8 / 255 },
  attacks: ['apgd-ce', 'apgd-t', 'fab-t', 'square'],
  limit: 10_000,
  chunk: 100,
  seed,
  of,
});

const message = (job: unknown) => ({
  schema: 'touchstone-queue/1',
  type: 'work',
  experiment: 'bench',
  title: 'gaat resnet18 cifar10 ε 8/255 seed 0',
  job,
});

/** Everything in Redis is removed before and between. */
export async function measureQueue(request: Request): Promise<Measured> {
  const { redis, jobs, shards } = request;
  await redis.flushall();
  await redis.config('RESETSTAT');
  const empty = await used(redis, 'used_memory');
  const payloads = shardsOf(audit(jobs, 0)).map((job) => ({ id: jobId(job), data: message(job) }));
  const payloadBytes = Buffer.byteLength(JSON.stringify(payloads[0]!.data));
  const queue = new Queue('bench', { connection: redis, prefix: PREFIX });
  const add = await rate(redis, jobs, () => addAll(queue, payloads, request));
  const waiting = await used(redis, 'used_memory');
  const work = await rate(redis, jobs, () => workAll(request));
  const done = await used(redis, 'used_memory');
  const peak = await used(redis, 'used_memory_peak');
  await queue.close();
  await redis.flushall();
  const before = await used(redis, 'used_memory');
  const audits = Math.max(1, Math.round(jobs / shards));
  const flows = await rate(redis, audits * shards, () => addFlows(audits, request));
  const inFlows = await used(redis, 'used_memory');
  return {
    payloadBytes,
    add,
    flows: { ...flows, shards },
    work,
    memory: {
      ...{ empty, waiting, done, peak },
      perWaitingJob: (waiting - empty) / jobs,
      perDoneJob: (done - empty) / jobs,
      perShardInFlow: (inFlows - before) / (audits * shards),
    },
  };
}

async function addAll(
  queue: Queue,
  payloads: readonly { id: string; data: unknown }[],
  { onProgress }: Request,
): Promise<void> {
  for (let i = 0; i < payloads.length; i += BATCH) {
    const batch = payloads.slice(i, i + BATCH);
    await queue.addBulk(batch.map(({ id, data }) => ({ name: 'shard', data, opts: { jobId: id } })));
    onProgress('adding', i / payloads.length);
  }
}

async function addFlows(audits: number, { redis, shards, onProgress }: Request): Promise<void> {
  const flows = new FlowProducer({ connection: redis, prefix: PREFIX });
  const node = (name: string, job: Parameters<typeof jobId>[0]): FlowJob => ({
    name,
    queueName: 'flows',
    data: message(job),
    opts: { jobId: jobId(job), ignoreDependencyOnFailure: true },
  });
  for (let i = 0; i < audits; i++) {
    const merge = audit(shards, i);
    const children = shardsOf(merge).map((job) => node('shard', job));
    await flows.add({ ...node('merge', merge), opts: { jobId: jobId(merge) }, children } as FlowJob);
    onProgress('adding flows', i / audits);
  }
  await flows.close();
}

/** Until every job is done. */
async function workAll({ redis, jobs, concurrency, onProgress }: Request): Promise<void> {
  let done = 0;
  const worker = new Worker('bench', async () => ({ seconds: 0 }), {
    connection: redis,
    prefix: PREFIX,
    concurrency,
    autorun: false,
  });
  const all = new Promise<void>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('completed', () => {
      done += 1;
      if (done % BATCH === 0) onProgress('working', done / jobs);
      if (done === jobs) resolve();
    });
  });
  void worker.run();
  await all;
  await worker.close();
}

async function rate(redis: Redis, jobs: number, act: () => Promise<void>): Promise<Rate> {
  const [cpu, own, start] = [await redisCpu(redis), process.cpuUsage(), performance.now()];
  await act();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(own);
  return {
    jobs,
    seconds,
    perSecond: jobs / seconds,
    redisMicroseconds: (1e6 * ((await redisCpu(redis)) - cpu)) / jobs,
    nodeMicroseconds: (user + system) / jobs,
  };
}

/** Of INFO, a number. */
async function used(redis: Redis, name: string): Promise<number> {
  const found = new RegExp(`^${name}:([\\d.]+)`, 'm').exec(await redis.info());
  if (!found) throw new Error(`INFO of Redis has no ${name}`);
  return Number(found[1]);
}

/** Seconds of CPU that Redis has taken. */
const redisCpu = async (redis: Redis): Promise<number> =>
  (await used(redis, 'used_cpu_user')) + (await used(redis, 'used_cpu_sys'));
