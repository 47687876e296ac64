/** What does not belong into the queue: one clear line each, nothing written elsewhere, and the worker lives on. */
import { execFileSync, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jobId, jobVersion } from '../../../src/experiment/jobs.ts';
import { queueScheduler, queueStatus, redisPlace, statusText } from '../../../src/experiment/queue/index.ts';
import { PREFIX, QUEUES, queueName } from '../../../src/experiment/queue/names.ts';
import { openStore } from '../../../src/experiment/store/index.ts';
import type { Store } from '../../../src/experiment/store.ts';
import { contents, execute, program } from '../../cli/harness.ts';
import { cell, mergeJob, planOf, trainJob } from './plans.ts';
import { freePort, noRedis, PASSWORD, type RedisServer, startRedis } from './redis-server.ts';
import { startWorkerProcess, type WorkerProcess } from './workers.ts';

let folder: string;
let server: RedisServer;
let store: Store;
let worker: WorkerProcess;
let queue: Queue;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-hostile-'));
  if (noRedis) return;
  server = await startRedis(join(folder, 'redis'));
  store = await openStore(join(folder, 'store'));
  worker = startWorkerProcess({ redis: server.url, store: store.name, folder: join(folder, 'work') });
  queue = new Queue(queueName(jobVersion()), { connection: server.client, prefix: PREFIX });
});
afterAll(async () => {
  worker?.child.kill('SIGKILL');
  await queue?.close();
  await server?.stop();
  await fs.remove(folder);
});

const work = (job: unknown) => ({
  schema: 'touchstone-queue/1',
  type: 'work',
  experiment: 'hostile',
  title: 'x',
  job,
});
const good = trainJob(1);
const hash = 'a'.repeat(64);

/** Why the queue says that it failed, once it has. */
async function failureOf(id: string): Promise<string> {
  await expect.poll(async () => (await queue.getJob(id))?.isFailed(), { timeout: 15_000 }).toBe(true);
  return (await queue.getJob(id))!.failedReason;
}

describe.skipIf(noRedis)(noRedis ?? 'hostile payloads', () => {
  test.each<[string, unknown, RegExp]>([
    ['text', 'text', /^E_OPTION: no payload of ours: /],
    ['nothing', null, /^E_OPTION: no payload of ours: /],
    ['a list', [1, 2], /^E_OPTION: no payload of ours: /],
    ['another schema', { ...work(good), schema: 'other/1' }, /no payload of ours: schema: /],
    ['a field too many', { ...work(good), run: 'rm -rf /' }, /no payload of ours: .*run/],
    ['an unknown kind', work({ ...good, kind: 'shell', command: 'id' }), /no job: kind: /],
    ['wrong types', work({ ...good, engine: 7 }), /no job: engine: /],
    ['a path for a hash', work({ ...mergeJob('../../etc/passwd', 2) }), /no job: model/],
    ['a path for a name', work({ ...good, data: { name: '../../etc' } }), /no job: data/],
    ['code for a setting', work({ ...good, settings: { a: { $function: 'x' } } }), /no job: settings\.a: /],
    [
      'an oversized one',
      work({ ...good, settings: { a: 'x'.repeat(70_000) } }),
      /a payload of 7\d{4} characters, expected at most 65536/,
    ],
    [
      'another version',
      work({ ...good, version: '9.9.9' }),
      /a job of touchstone 9\.9\.9, expected .*, as this worker is/,
    ],
    ['a control character', work({ ...good, version: '9\u001b[2J' }), /a job of touchstone 9\ufffd\[2J/],
    ['somebody else’s name', work(good), /a job named hostile-\d+, expected the hash of its payload/],
    [
      'a release of paths',
      { schema: 'touchstone-queue/1', type: 'release', experiment: 'x', need: '../x', merges: [] },
      /no payload of ours: need: /,
    ],
    [
      'a release of no jobs',
      {
        schema: 'touchstone-queue/1',
        type: 'release',
        experiment: 'x',
        need: hash,
        merges: [{ title: 'x', job: {} }],
      },
      /no job: /,
    ],
  ])('%s is refused at the first try', async (_, data, line) => {
    const before = contents(folder);
    const id = `hostile-${Math.floor(1e9 * Math.random())}`;
    await queue.add('train', data, { jobId: id, attempts: 3 });
    expect(await failureOf(id)).toMatch(line);
    expect((await queue.getJob(id))!.attemptsMade).toBe(1);
    expect(worker.child.exitCode).toBeNull();
    const outside = (all: Record<string, string>) =>
      Object.keys(all).filter((name) => !name.startsWith('redis'));
    expect(outside(contents(folder))).toEqual(outside(before));
    const lines = worker
      .text()
      .split('\n')
      .filter((said) => said.includes(id));
    expect(lines).toHaveLength(1);
    expect(worker.text()).not.toContain('\u001b');
  });

  test('what is no JSON at all leaves the worker working', async () => {
    await queue.add('train', {}, { jobId: 'raw', delay: 3_600_000 });
    await server.client.hset(`${PREFIX}:${queue.name}:raw`, 'data', '{"half');
    await (await queue.getJob('raw').catch(() => undefined))?.promote().catch(() => undefined);
    const plan = planOf('after', cell(1));
    const outcomes = await queueScheduler({ redis: redisPlace(server.url, {}) })(plan, store, {});
    expect([...outcomes.values()].map(({ state }) => state)).toEqual(plan.jobs.map(() => 'done'));
  });

  test('a job that another worker could do waits for it, and no try is spent', async () => {
    const job = { ...trainJob(7), data: { name: 'elsewhere' } };
    const id = jobId(job as typeof good);
    await queue.add('train', work(job), { jobId: id, attempts: 3 });
    await expect
      .poll(() => worker.text(), { timeout: 15_000 })
      .toContain('it wants the data set elsewhere; start a worker with --data');
    expect(await (await queue.getJob(id))!.getState()).toBe('delayed');
    expect((await queue.getJob(id))!.attemptsMade).toBe(0);
  });

  test('status shows hostile words without their control characters', async () => {
    const id = `hostile-${Math.floor(1e9 * Math.random())}`;
    await queue.add('x\u001b[31m', { ...work(1), title: '\u001b]0;x\u0007' }, { jobId: id });
    await failureOf(id);
    const text = statusText(await queueStatus(redisPlace(server.url, {})));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for them is the point
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(text).toContain('E_OPTION: no job');
  });

  test('jobs of another version wait for workers of it; this one says so', async () => {
    const other = new Queue(queueName('9.9.9'), { connection: server.client, prefix: PREFIX });
    await server.client.hset(QUEUES, { [other.name]: '9.9.9' });
    await other.add('train', work({ ...good, version: '9.9.9' }), { jobId: 'theirs' });
    await expect
      .poll(() => worker.text(), { timeout: 25_000, interval: 500 })
      .toContain(
        `1 jobs wait for workers of touchstone 9.9.9; this one is ${jobVersion()} and leaves them alone`,
      );
    expect(await (await other.getJob('theirs'))!.getState()).toBe('waiting');
    await other.close();
  }, 40_000);
});

describe.skipIf(noRedis)(noRedis ?? 'a wrong Redis', () => {
  const run = (...args: string[]) => execute(process.execPath, [program, ...args], folder);
  const host = () => `127.0.0.1:${server.port}`;

  test('a wrong or missing password, no server, no URL: exit 2 with one line without the password', async () => {
    const cases: [string, RegExp][] = [
      [
        `redis://:wrong-secret@${host()}`,
        /redis:\/\/127.0.0.1:\d+\/0: wrong user or password: check TOUCHSTONE_REDIS_PASSWORD/,
      ],
      [`redis://${host()}`, /it asks for a password: set TOUCHSTONE_REDIS_PASSWORD/],
      [`redis://:wrong-secret@127.0.0.1:${await freePort()}`, /nothing listens there: is Redis running\?/],
      [`http://:wrong-secret@${host()}`, /E_OPTION: --redis, expected redis:\/\/host:port\/number/],
    ];
    for (const [url, line] of cases) {
      const { code, stderr, stdout } = await run('status', '--redis', url);
      expect(stderr).toMatch(line);
      expect([code, stderr.trim().split('\n').length]).toEqual([2, 1]);
      expect(stderr + stdout).not.toContain('wrong-secret');
    }
  }, 60_000);

  test('a worker with a wrong password, a store that is none, a folder in use: exit 2', async () => {
    const worker = (url: string, store: string, work: string) =>
      run('worker', '--redis', url, '--store', store, '--work', work);
    const wrong = await worker(`redis://:wrong-secret@${host()}`, store.name, 'w2');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/^error E_OPTION: .*wrong user or password/),
    ]);
    expect(wrong.stderr).not.toContain('wrong-secret');
    const none = await worker(server.url, join(folder, 'no-store'), 'w3');
    expect([none.code, none.stderr]).toEqual([
      2,
      expect.stringMatching(/^error E_FILE: .*no-store is no store/),
    ]);
    expect(await fs.pathExists(join(folder, 'no-store'))).toBe(false);
    const used = await worker(server.url, store.name, 'work');
    expect([used.code, used.stderr]).toEqual([
      2,
      expect.stringMatching(/^error E_OPTION: the work folder .* is used by another process/),
    ]);
  }, 60_000);

  test('the password of the environment, over TLS', async () => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const made = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '1',
      '-keyout',
      key,
      '-out',
      certificate,
    ];
    execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' });
    const port = await freePort();
    const options = [
      '--port',
      '0',
      '--tls-port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--requirepass',
      PASSWORD,
    ];
    const files = [
      '--tls-cert-file',
      certificate,
      '--tls-key-file',
      key,
      '--tls-auth-clients',
      'no',
      '--dir',
      folder,
    ];
    const tls = spawn('redis-server', [...options, ...files, '--save', ''], { stdio: 'ignore' });
    try {
      const status = (environment: Record<string, string>) =>
        execute(
          '/usr/bin/env',
          [
            ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
            ...[process.execPath, program, 'status', '--redis', `rediss://localhost:${port}`],
          ],
          folder,
        );
      const trusted = { NODE_EXTRA_CA_CERTS: certificate, TOUCHSTONE_REDIS_PASSWORD: PASSWORD };
      await expect
        .poll(async () => (await status(trusted)).stdout, { timeout: 30_000 })
        .toContain(`rediss://localhost:${port}/0`);
      const untrusted = await status({ TOUCHSTONE_REDIS_PASSWORD: PASSWORD });
      expect([untrusted.code, untrusted.stderr]).toEqual([
        2,
        expect.stringMatching(/self-signed certificate/),
      ]);
      expect(untrusted.stderr).not.toContain(PASSWORD);
    } finally {
      tls.kill('SIGKILL');
    }
  }, 60_000);
});
