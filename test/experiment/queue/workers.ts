/** Workers of the queue as processes of their own, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const script = fileURLToPath(new URL('./worker-process.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

export interface WorkerProcess {
  readonly child: ChildProcess;
  /** All that it said. */
  readonly text: () => string;
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface WorkerRequest {
  readonly redis: string;
  readonly store: string;
  readonly folder: string;
  readonly concurrency?: number;
  /** With the child that does no work. @default true */
  readonly fake?: boolean;
}

/** Notices within two seconds that another is gone. */
export function startWorkerProcess(request: WorkerRequest): WorkerProcess {
  const child = spawn(process.execPath, ['--import', tsx, script, JSON.stringify(request)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (data: Buffer) => {
    text += data;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)),
  );
  return { child, text: () => text, ended };
}
