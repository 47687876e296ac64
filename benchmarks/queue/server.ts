import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { Redis } from 'ioredis';
import { TouchstoneError } from '../../src/errors.ts';

/** As the docs tell to run it: what is said to be in the queue is on the disk within a second. */
export const PERSISTENCE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];

/**
 * A Redis on a free port of this machine, which ends with the work.
 *
 * @throws E_ENGINE where redis-server is not installed
 */
export async function withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  if (spawnSync('redis-server', ['--version']).status !== 0)
    throw new TouchstoneError(
      'E_ENGINE',
      'no redis-server on this machine',
      undefined,
      'apt-get install redis-server',
    );
  const folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-bench-queue-'));
  const port = await freePort();
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const child = spawn('redis-server', [...place, ...PERSISTENCE], { stdio: 'ignore' });
  const redis = new Redis({ port, maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on('error', () => {}); // until it listens
  try {
    await redis.ping();
    return await work(redis);
  } finally {
    redis.disconnect();
    child.kill('SIGKILL');
    await fs.remove(folder);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject()));
    });
  });
}
