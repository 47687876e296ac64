import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { type ErrorCode, TouchstoneError } from '../../errors.ts';

/**
 * Holds a name on this machine as long as this process lives: an abstract socket of Linux, which leaves no file behind and is free
 * again whatever the process dies of. Elsewhere nothing is held.
 *
 * @param name what is held, for people: `the work folder /w`
 * @param options.waitMs how long to wait for another to end. @default 0
 * @param options.code of the error. @default 'E_OPTION'
 * @returns lets go of it
 * @throws TouchstoneError where another process holds it
 */
export async function holdAlone(
  name: string,
  { waitMs = 0, code = 'E_OPTION' }: { waitMs?: number; code?: ErrorCode } = {},
): Promise<() => void> {
  if (process.platform !== 'linux') return () => {};
  const until = performance.now() + waitMs;
  for (;;) {
    const release = await tryHold(name);
    if (release) return release;
    if (performance.now() >= until)
      throw new TouchstoneError(code, `${name} is used by another process`, 'one that is free');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function tryHold(name: string): Promise<(() => void) | undefined> {
  const path = `\0touchstone-${createHash('sha256').update(name).digest('hex')}`;
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) =>
      'code' in error && error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(path, () => {
      server.unref();
      resolve(() => server.close());
    });
  });
}
