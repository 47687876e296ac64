import { sha256 } from '../../io/hash.ts';
import type { JobControls, JobDone } from '../execute/workplace.ts';
import { holdAlone } from './hold.ts';
import { type ChildPlace, errorData, type FromChild, type ToChild } from './messages.ts';

/** Does a job at a place. */
export type Execute = (payload: unknown, place: ChildPlace, controls: JobControls) => Promise<JobDone>;

/** What a stale child may take to notice that its worker is gone: the engine's longest call. */
const STALE_MS = 60_000;

/** Answers a parent process until it is gone. Ctrl-C reaches children too: the parent says what is to be done about it. */
export function serve(execute: Execute): void {
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  let under: AbortController | undefined;
  process.on('message', (message: ToChild) => {
    if (message.type === 'abort') under?.abort();
    if (message.type !== 'run') return;
    under = new AbortController();
    void answer(execute, message, under.signal).then(send);
  });
}

async function answer(
  execute: Execute,
  { payload, place }: Extract<ToChild, { type: 'run' }>,
  signal: AbortSignal,
): Promise<FromChild> {
  try {
    // A worker that was killed may have left a child that is still in a call of its engine, on this job.
    const job = sha256(new TextEncoder().encode(JSON.stringify(payload)));
    const release = await holdAlone(`job ${job} in ${place.folder}`, { waitMs: STALE_MS, code: 'E_ENGINE' });
    try {
      const onProgress = reporter();
      const data = new Map(place.data);
      const done = await execute(payload, { ...place, data }, { onProgress, signal });
      return { type: 'done', done };
    } finally {
      release();
    }
  } catch (error) {
    return { type: 'error', error: errorData(error) };
  }
}

/** Progress, four times a second at most. */
function reporter(): (fraction: number, stage: string) => void {
  let last = 0;
  return (fraction, stage) => {
    const now = performance.now();
    if (now - last < 250) return;
    last = now;
    void send({ type: 'progress', fraction, stage });
  };
}

const send = (message: FromChild): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });
