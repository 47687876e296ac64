import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TouchstoneError } from '../../src/errors.ts';

/** A Python process that runs the same work in PyTorch, one request at a time. */
export interface Peer {
  ask(request: Record<string, unknown>): Promise<Record<string, number | string> & { seconds: number }>;
  close(): void;
}

const here = fileURLToPath(new URL('.', import.meta.url));

/** The interpreter of the interop tests' virtual environment, or the one that PYTHON names. */
export function python(): string {
  const own = join(here, '..', '..', '.venv', 'bin', 'python');
  const path = process.env.PYTHON ?? own;
  if (!existsSync(path))
    throw new TouchstoneError(
      'E_ENGINE',
      `no Python at ${path}`,
      'an environment with torch and torchattacks',
      'run `npm run test:python` once, or set PYTHON',
    );
  return path;
}

export function startPeer(threads: number): Peer {
  const child = spawn(python(), [join(here, 'peer.py')], {
    env: { ...process.env, THREADS: String(threads) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done)
        throw new TouchstoneError(
          'E_ENGINE',
          'the Python process ended',
          'an answer',
          'see what it printed above',
        );
      return JSON.parse(value);
    },
    close: () => child.stdin.end(),
  };
}
