/** What a worker does about a job that comes out of the queue. */
import { DelayedError, type Job as QueueJob, UnrecoverableError, WaitingError } from 'bullmq';
import { type ErrorCode, TouchstoneError } from '../../errors.ts';
import { printable } from '../../report/format.ts';
import type { JobControls, JobDone } from '../execute/workplace.ts';
import { type Job, jobId, needsOf } from '../jobs.ts';
import { DONE, jobKey, type Store } from '../store.ts';
import { addAudits, type Producer } from './enqueue.ts';
import { Nodes } from './flows.ts';
import { checkMessage, type Message, type ReleaseMessage, titleOf, type WorkMessage } from './message.ts';

/** What the processing of a job needs of its worker. */
export interface Site {
  /** Of the worker, for whoever looks at the queue. */
  readonly name: string;
  readonly store: Store;
  readonly producer: Producer;
  /** Does a job, as `executeJob` does. */
  readonly execute: (payload: Job, controls: JobControls) => Promise<JobDone>;
  /** Why this worker cannot do the job though another may; undefined where it can. */
  readonly cannot: (job: Job) => string | undefined;
  /** Reasons of {@link cannot} that were said: many jobs may have the same, each again and again. */
  readonly said: Set<string>;
  /** Aborted when the worker is to stop. */
  readonly stop: AbortSignal;
  /** A line for people. */
  readonly say: (line: string) => void;
}

/** How long a job waits for another worker, or a release for its model. */
const LATER_MS = 15_000;
/** Progress that others see, at most as often. */
const PROGRESS_MS = 2000;

/** Errors that a second try would meet again. */
const LASTING: readonly ErrorCode[] = [
  'E_OPTION',
  'E_UNSUPPORTED',
  'E_SHAPE',
  'E_RANGE',
  'E_LABELS',
  'E_ONNX',
];

/** What a job leaves in the queue; its files are in the store. */
export interface Left {
  readonly seconds: number;
  readonly machine: string;
}

/**
 * @param token of the lock on the job
 * @throws UnrecoverableError for what no second try can mend; BullMQ's own signals for a job that was put back
 */
export async function processJob(queued: QueueJob, token: string | undefined, site: Site): Promise<Left> {
  const message = checked(queued, site.say);
  if (site.stop.aborted) return putBack(queued, token);
  if (message.type === 'release') return release(message, queued, token, site);
  const title = titleOf(message);
  const why = site.cannot(message.job);
  if (why !== undefined) {
    if (!site.said.has(why)) site.say(`left to others: ${title}: ${why}`);
    site.said.add(why);
    await later(queued, token);
  }
  await assertNeeds(message, queued, site.store);
  try {
    return await work(message, queued, site);
  } catch (error) {
    if (site.stop.aborted) {
      site.say(`put back: ${title}`);
      return putBack(queued, token);
    }
    const line = oneLine(error);
    site.say(`failed: ${title}: ${line}`);
    if (error instanceof TouchstoneError && LASTING.includes(error.code)) throw new UnrecoverableError(line);
    throw new Error(line);
  }
}

/** @throws UnrecoverableError for a payload that is none, or that goes under another's name */
function checked(queued: QueueJob, say: Site['say']): Message {
  try {
    const message = checkMessage(queued.data);
    if (message.type === 'work' && jobId(message.job) !== queued.id)
      throw new TouchstoneError(
        'E_OPTION',
        `a job named ${printable(String(queued.id), 80)}`,
        `the hash of its payload, ${jobId(message.job).slice(0, 12)}…`,
      );
    return message;
  } catch (error) {
    const line = oneLine(error);
    say(`refused: job ${printable(String(queued.id), 80)}: ${line}`);
    throw new UnrecoverableError(line);
  }
}

async function work(message: WorkMessage, queued: QueueJob, site: Site): Promise<Left> {
  const title = titleOf(message);
  site.say(`begun: ${title}`);
  const report = progressOf(queued, site.name);
  report(0, '');
  const { seconds, machine } = await site.execute(message.job, { onProgress: report, signal: site.stop });
  site.say(`done: ${title}, ${seconds.toFixed(1)} s`);
  return { seconds, machine };
}

/** Tells the queue how far a job is, now and then. */
function progressOf(queued: QueueJob, worker: string): (fraction: number, stage: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (fraction, stage) => {
    const now = performance.now();
    if (now - last < PROGRESS_MS) return;
    last = now;
    // Nothing depends on it: where the queue is gone for a moment, the next one arrives.
    queued.updateProgress({ fraction, stage: stage.slice(0, 80), worker }).catch(() => undefined);
  };
}

/**
 * A flow lets a job go when those below it have ended, well or not.
 *
 * @throws UnrecoverableError where one has failed; Error where the store has not seen its end yet
 */
async function assertNeeds(message: WorkMessage, queued: QueueJob, store: Store): Promise<void> {
  const needs = needsOf(message.job);
  const open: string[] = [];
  for (const id of needs) if (!(await store.has(jobKey(id, DONE)))) open.push(id);
  if (open.length === 0) return;
  const failed = Object.keys(await queued.getIgnoredChildrenFailures());
  const which = `${open.length} of the ${needs.length} jobs that it needs`;
  if (failed.length > 0) throw new UnrecoverableError(`left out: ${which} failed`);
  throw new Error(`${which} are not in the store ${store.name}: does every worker have the same one?`);
}

/** Puts the audits of a model into the queue, once it is there. */
async function release(
  { need, merges, experiment }: ReleaseMessage,
  queued: QueueJob,
  token: string | undefined,
  { store, producer }: Site,
): Promise<Left> {
  const left = { seconds: 0, machine: '' };
  if (!(await store.has(jobKey(need, DONE)))) {
    const before = await producer.queue.getJob(need);
    if (!before || (await before.isFailed())) return left; // the audits of no model are left out
    await later(queued, token);
  }
  const { attempts = 3, backoff } = queued.opts;
  const backoffMs = typeof backoff === 'object' ? (backoff.delay ?? 0) : (backoff ?? 0);
  const audits = merges.map(({ title, job }) => ({ id: jobId(job), title, job, needs: needsOf(job) }));
  await addAudits(producer, new Nodes(experiment, { attempts, backoffMs }), audits, new Set());
  return left;
}

/** Not a failed try: it waits a while. @throws DelayedError always */
async function later(queued: QueueJob, token: string | undefined): Promise<never> {
  await queued.moveToDelayed(Date.now() + LATER_MS, token);
  throw new DelayedError();
}

/** Not a failed try: the next worker takes it. @throws WaitingError always */
async function putBack(queued: QueueJob, token: string | undefined): Promise<never> {
  await queued.moveToWait(token);
  throw new WaitingError();
}

const oneLine = (error: unknown): string =>
  printable(error instanceof Error ? error.message : String(error), 500);
