/** A real Redis for tests: Debian's `redis-server`, on a free port of this machine, with its files in a folder of the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fs from 'fs-extra';
import { Redis } from 'ioredis';

/** Undefined where it is installed; else why the tests that need it are left out. */
export const noRedis: string | undefined =
  spawnSync('redis-server', ['--version']).status === 0
    ? undefined
    : 'no redis-server here: apt-get install redis-server';

export const PASSWORD = 'pa:ss/w@rd%1';

export interface RedisServer {
  readonly port: number;
  /** With the password in it. */
  readonly url: string;
  /** A connection of the test, closed with the server. */
  readonly client: Redis;
  /** Kills it (SIGKILL) and starts it again on the same files. */
  restart(downMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param extra further options of redis-server */
export async function startRedis(folder: string, extra: readonly string[] = []): Promise<RedisServer> {
  const port = await freePort();
  await fs.ensureDir(folder);
  let child = launch(folder, port, extra);
  const client = new Redis({ port, password: PASSWORD, maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on('error', () => {});
  await client.ping();
  const end = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  return {
    port,
    url: `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`,
    client,
    async restart(downMs = 300) {
      await end();
      await new Promise((resolve) => setTimeout(resolve, downMs));
      child = launch(folder, port, extra);
      await client.ping();
    },
    async stop() {
      client.disconnect();
      await end();
    },
  };
}

function launch(folder: string, port: number, extra: readonly string[]): ChildProcess {
  const log = fs.openSync(join(folder, 'redis.log'), 'a');
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--requirepass', PASSWORD];
  // Every write is on the disk before it is answered: what Redis has said it has, it still has after a kill.
  const kept = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const child = spawn('redis-server', [...options, ...kept, ...extra], { stdio: ['ignore', log, log] });
  fs.closeSync(log);
  return child;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject()));
    });
  });
}
