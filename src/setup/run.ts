import { spawn } from 'node:child_process';

/** How a program ended. A program that could not be started has `code` null and the reason in `stderr`. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Variables over those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Ends the program where aborted. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the program is ended. @default none */
  readonly timeout?: number;
  /** Called with each line that the program prints, on either stream. */
  readonly onLine?: (line: string) => void;
}

/** Runs a program to its end; it never rejects. Tests put a machine of their own in its place. */
export type Run = (command: string, args: readonly string[], options?: RunOptions) => Promise<Ended>;

export const run: Run = (command, args, { env, cwd, signal, timeout, onLine } = {}) =>
  new Promise((done) => {
    // Not spawn's own timeout, whose timer outlives a program that was never found.
    const limit = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
    const signals = [signal, limit].filter((s) => s !== undefined);
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.any(signals),
      ...(cwd === undefined ? {} : { cwd }),
    });
    let [stdout, stderr] = ['', ''];
    const out = lines(onLine);
    const err = lines(onLine);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      out.add(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      err.add(text);
    });
    child.on('error', (error) => {
      // One that was started and aborted closes later, when it writes no more.
      if (child.pid === undefined) done({ code: null, stdout, stderr: error.message });
    });
    child.once('close', (code, killed) => {
      out.end();
      err.end();
      const why = limit?.aborted ? `no answer in ${timeout! / 1000} s` : `ended by ${killed}`;
      done({ code, stdout, stderr: killed ? `${stderr}\n${why}` : stderr });
    });
  });

/** Cuts a stream of text into its lines. */
function lines(onLine: RunOptions['onLine']): { add(text: string): void; end(): void } {
  let open = '';
  return {
    add(text) {
      const parts = `${open}${text}`.split(/\r?\n|\r/);
      open = parts.pop() ?? '';
      for (const line of parts) onLine?.(line);
    },
    end() {
      if (open !== '') onLine?.(open);
    },
  };
}

/** The last line that says something: what a failed program usually ends with. */
export const lastLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '') ?? '';
