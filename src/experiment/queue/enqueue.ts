/** Puts what is not done into the queue. Doing it again adds what is missing and has failed jobs tried anew, and nothing else. */
import { FlowProducer, Queue, type Job as QueueJob } from 'bullmq';
import type { Redis } from 'ioredis';
import type { MergeJob } from '../jobs.ts';
import type { Plan, PlannedJob } from '../scheduler.ts';
import { type Cut, cut, Nodes, type Tries } from './flows.ts';
import { PREFIX } from './names.ts';

/** One version's queue with what adds to it. */
export interface Producer {
  readonly queue: Queue;
  readonly flows: FlowProducer;
  close(): Promise<void>;
}

/** @param connection stays the caller's to close */
export function openProducer(name: string, connection: Redis): Producer {
  const queue = new Queue(name, { connection, prefix: PREFIX });
  const flows = new FlowProducer({ connection, prefix: PREFIX });
  // The connection's owner hears of its errors, too, and what fails says so to its caller.
  queue.on('error', () => {});
  flows.on('error', () => {});
  return {
    queue,
    flows,
    async close() {
      await flows.close();
      await queue.close();
    },
  };
}

/** How many flows are on their way to Redis at once. */
const AT_ONCE = 16;

/** @param done ids of the jobs that need not be done */
export async function enqueue(
  producer: Producer,
  plan: Plan,
  done: ReadonlySet<string>,
  tries: Tries,
): Promise<void> {
  const nodes = new Nodes(plan.name, tries);
  const parts = cut(plan, done);
  await addAudits(producer, nodes, parts.audits, done);
  await inBatches(parts.trunks, (trunk) => addTrunk(producer, nodes, trunk));
  await inBatches(parts.loose, async (planned) => {
    if (await wanting(producer, planned.id)) await producer.flows.add(nodes.work(planned));
  });
}

/** Audits whose model is there. */
export async function addAudits(
  producer: Producer,
  nodes: Nodes,
  audits: readonly Pick<PlannedJob, 'id' | 'title' | 'job' | 'needs'>[],
  done: ReadonlySet<string>,
): Promise<void> {
  await inBatches(audits, async ({ id, title, job, needs }) => {
    if (await wanting(producer, id)) await producer.flows.add(nodes.audit({ title, job: job as MergeJob }));
    else
      await retryFailed(
        producer.queue,
        needs.filter((need) => !done.has(need)),
      );
  });
}

async function addTrunk(
  producer: Producer,
  nodes: Nodes,
  { need, before, audits }: Cut['trunks'][number],
): Promise<void> {
  const under = nodes.work(
    need,
    before.map((planned) => nodes.work(planned)),
  );
  if (audits.length === 0) {
    if (await wanting(producer, need.id)) await producer.flows.add(under);
    return;
  }
  const alone = nodes.release(need, audits);
  await wanting(producer, alone.opts!.jobId!);
  const there = !(await wanting(producer, need.id));
  // A job has one parent: where it is another plan's child, the release asks for it now and then.
  await producer.flows.add(there ? alone : nodes.release(need, audits, [under]));
}

/**
 * Whether a job should be added: it is not there, or was there and has ended without being done, which takes it out first, and what
 * is below it.
 */
async function wanting({ queue }: Producer, id: string): Promise<boolean> {
  const job = await queue.getJob(id);
  if (!job) return true;
  const state = await job.getState();
  if (state !== 'failed' && state !== 'completed') return false;
  await job.remove({ removeChildren: true });
  return true;
}

/** Failed shards of an audit that still waits for others. */
async function retryFailed(queue: Queue, ids: readonly string[]): Promise<void> {
  await inBatches(ids, async (id) => {
    const job: QueueJob | undefined = await queue.getJob(id);
    if (job && (await job.isFailed())) await job.retry('failed', { resetAttemptsMade: true });
  });
}

async function inBatches<T>(all: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < all.length; i += AT_ONCE) await Promise.all(all.slice(i, i + AT_ONCE).map(act));
}
