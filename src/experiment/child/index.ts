/**
 * A job in a process of its own. The engine blocks the thread that it runs on for seconds, and a native crash takes its process
 * along: the worker itself stays free to talk, and alive.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TouchstoneError } from '../../errors.ts';
import type { JobControls, JobDone } from '../execute/workplace.ts';
import { type ChildPlace, errorOf, type FromChild, type ToChild } from './messages.ts';

export type { ChildPlace } from './messages.ts';

/** A child process that does jobs, one at a time. It dies with its parent. */
export interface WorkChild {
  /** Undefined once it has ended. */
  readonly pid: number | undefined;
  /**
   * As `executeJob` does.
   *
   * @throws what executeJob throws; TouchstoneError E_ENGINE where the process died over it; AbortError when stopped
   */
  run(payload: unknown, controls?: JobControls): Promise<JobDone>;
  /** Ends it at once, and the job with it. */
  kill(): void;
}

/**
 * @param place opened by the child at each job
 * @param options.entry what it runs instead of `executeJob`: for tests
 */
export function startChild(place: ChildPlace, { entry }: { entry?: URL } = {}): WorkChild {
  const child = fork(fileURLToPath(entry ?? besides('entry')), [], {
    execArgv: loader(),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let ended: string | undefined;
  child.once('exit', (code, signal) => {
    ended ??= signal === null ? `exit code ${code}` : signal;
  });
  child.once('error', (error) => {
    ended ??= error.message;
  });
  return {
    get pid() {
      return ended === undefined ? child.pid : undefined;
    },
    run(payload, controls = {}) {
      if (ended !== undefined) return Promise.reject(died(ended));
      return runIn(child, payload, place, controls);
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

function runIn(
  child: ChildProcess,
  payload: unknown,
  place: ChildPlace,
  { onProgress, signal }: JobControls,
): Promise<JobDone> {
  return new Promise((resolve, reject) => {
    // One that takes no messages has died, or must: how it ended is told by its exit, once, and no other job is given to it before.
    const lost = (error: Error | null) => {
      if (error) child.kill('SIGKILL');
    };
    const send = (message: ToChild) =>
      child.connected ? child.send(message, lost) : lost(new Error('no channel'));
    const abort = () => send({ type: 'abort' });
    const onMessage = (message: FromChild) => {
      if (message.type === 'progress') onProgress?.(message.fraction, message.stage);
      else if (message.type === 'done') end(() => resolve(message.done));
      else if (message.type === 'error') end(() => reject(errorOf(message.error)));
    };
    const onExit = (code: number | null, name: NodeJS.Signals | null) =>
      end(() => reject(died(name ?? `exit code ${code}`)));
    const onError = (error: Error) => end(() => reject(died(error.message)));
    const end = (settle: () => void) => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.off('error', onError);
      signal?.removeEventListener('abort', abort);
      settle();
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.on('error', onError);
    signal?.addEventListener('abort', abort);
    send({ type: 'run', payload, place: { ...place, data: [...place.data] } });
    if (signal?.aborted) abort();
  });
}

const died = (how: string) =>
  new TouchstoneError(
    'E_ENGINE',
    `the process of the job ended (${how})`,
    undefined,
    'was the memory used up? its stderr says more',
  );

const sources = import.meta.url.endsWith('.ts');

/** A module of this folder: as source in a checkout, compiled in the package. */
const besides = (name: string): URL => new URL(`./${name}.${sources ? 'ts' : 'js'}`, import.meta.url);

/** What makes node run sources. */
function loader(): string[] {
  if (!sources) return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}
