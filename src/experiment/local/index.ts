/** The scheduler of one machine: worker processes, each with its share of the threads. */
import { TouchstoneError } from '../../errors.ts';
import { type ChildPlace, startChild, type WorkChild } from '../child/index.ts';
import { readDone } from '../execute/outputs.ts';
import type { JobEvent, Plan, PlannedJob, Scheduler } from '../scheduler.ts';
import type { Store } from '../store.ts';
import { queueOf, type WorkQueue } from './queue.ts';

export interface LocalOptions {
  readonly workers: number;
  /** Of each worker. */
  readonly threads: number;
  /** Where work is half done. */
  readonly folder: string;
  readonly devices?: readonly ('cpu' | 'cuda')[];
  /** How often a job is tried. @default 3 */
  readonly attempts?: number;
  /** How a worker is started: for tests. */
  readonly start?: (place: ChildPlace) => WorkChild;
}

/** Jobs that are looked up in the store at a time. */
const LOOKUPS = 32;

export function localScheduler(options: LocalOptions): Scheduler {
  return async (plan, store, { onEvent = () => {}, signal }) => {
    const queue = queueOf(plan.jobs, signal);
    await passOver(plan, store, queue, onEvent);
    const crew = Array.from({ length: Math.max(1, Math.min(options.workers, queue.left)) }, (_, i) =>
      work({
        name: `worker ${i + 1}`,
        place: placeOf(plan, store, options),
        options,
        queue,
        onEvent,
        signal,
      }),
    );
    await Promise.all(crew);
    signal?.throwIfAborted();
    return queue.outcomes;
  };
}

function placeOf(plan: Plan, store: Store, { folder, threads, devices }: LocalOptions): ChildPlace {
  return { store: store.name, folder, threads, data: plan.data, ...(devices && { devices }) };
}

/** What an earlier run has done. */
async function passOver(
  { jobs }: Plan,
  store: Store,
  queue: WorkQueue,
  onEvent: (event: JobEvent) => void,
): Promise<void> {
  for (let from = 0; from < jobs.length; from += LOOKUPS)
    await Promise.all(
      jobs.slice(from, from + LOOKUPS).map(async ({ id }) => {
        const done = await readDone(store, id);
        if (!done) return;
        queue.done(id, done);
        onEvent({ id, state: 'done' });
      }),
    );
}

interface Worker {
  readonly name: string;
  readonly place: ChildPlace;
  readonly options: LocalOptions;
  readonly queue: WorkQueue;
  readonly onEvent: (event: JobEvent) => void;
  readonly signal: AbortSignal | undefined;
}

/** Does jobs until there are none for it. Its process is replaced where it dies. */
async function work({ name, place, options, queue, onEvent, signal }: Worker): Promise<void> {
  const { attempts = 3, start = startChild } = options;
  let child: WorkChild | undefined;
  try {
    for (;;) {
      const next = await queue.take();
      if (!next) return;
      if (child?.pid === undefined) child = start(place);
      onEvent({ id: next.id, state: 'active', fraction: 0, worker: name });
      try {
        const done = await run(child, next, { name, onEvent, signal });
        queue.done(next.id, done);
        onEvent({ id: next.id, state: 'done', seconds: done.seconds, worker: name });
      } catch (error) {
        if (signal?.aborted) return;
        failed(next, lineOf(error), { queue, onEvent, attempts, worker: name });
      }
    }
  } finally {
    child?.kill();
  }
}

const run = (
  child: WorkChild,
  { id, job }: PlannedJob,
  { name, onEvent, signal }: Pick<Worker, 'name' | 'onEvent' | 'signal'>,
) =>
  child.run(job, {
    ...(signal && { signal }),
    onProgress: (fraction, stage) => onEvent({ id, state: 'active', fraction, stage, worker: name }),
  });

interface Failing {
  readonly queue: WorkQueue;
  readonly onEvent: (event: JobEvent) => void;
  readonly attempts: number;
  readonly worker: string;
}

function failed({ id }: PlannedJob, reason: string, { queue, onEvent, attempts, worker }: Failing): void {
  if (queue.failed(id, reason, attempts)) {
    onEvent({ id, state: 'retried', reason, worker });
    return;
  }
  onEvent({ id, state: 'failed', reason, worker });
  for (const [skipped, outcome] of queue.outcomes)
    if (outcome.state === 'skipped' && outcome.because === id) onEvent({ id: skipped, state: 'skipped' });
}

const lineOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return (error instanceof TouchstoneError ? text : text.slice(0, 500)).replace(/\s*\n\s*/g, ' ');
};
