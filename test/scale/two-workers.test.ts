/**
 * What a second worker is worth: 10,000 images of MNIST under PGD and APGD, in 32 shards, by one worker of one core and by two.
 * Five minutes on two cores with nothing else to do: `npm run test:scale`. Needs redis-server, and taskset (util-linux).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStore } from '../../src/experiment/store/index.ts';
import type { Result } from '../../src/report/index.ts';
import { buildPackage, execute } from '../cli/harness.ts';
import { type RedisServer, startRedis } from '../experiment/queue/redis-server.ts';
import { withoutMachines } from '../runs/shards.ts';

const [IMAGES, SHARDS, CHUNK, EPSILON] = [10_000, 32, 105, 0.1];
const ATTACKS = ['pgd', 'apgd-ce'];
const checkpoint = join(process.cwd(), 'models/zoo/mnist-pgd.onnx');

let folder: string;
let program: string;
let server: RedisServer;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-scale-'));
  program = await buildPackage(join(folder, 'package'));
  await fs.writeJson(join(folder, 'experiment.json'), {
    schema: 'touchstone-experiment/1',
    name: 'scale',
    checkpoints: [checkpoint],
    data: ['mnist'],
    eps: [EPSILON],
    seeds: [0],
    audit: { attacks: ATTACKS, limit: IMAGES, shards: SHARDS, chunk: CHUNK },
  });
  server = await startRedis(join(folder, 'redis'));
}, 120_000);
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await server.stop();
  await fs.remove(folder);
});

const touchstone = (...args: readonly string[]) => execute(process.execPath, [program, ...args], folder);

/** On a core of its own. */
async function startWorker(name: string, core: number): Promise<ChildProcess> {
  const options = ['--redis', server.url, '--store', join(folder, name, 'store'), '--threads', '1'];
  const work = ['--work', join(folder, name, `work-${core}`)];
  const command = ['-c', String(core), process.execPath, program, 'worker', ...options, ...work];
  const child = spawn('taskset', command, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  workers.push(child);
  await new Promise<void>((resolve) => child.stderr!.once('data', () => resolve()));
  return child;
}

/** Seconds from `run` to the comparison, and the one audit's result. */
async function timed(name: string, cores: readonly number[]): Promise<{ seconds: number; result: Result }> {
  await server.client.flushall();
  await (await openStore(join(folder, name, 'store'))).close(); // workers want one that is there
  const crew = await Promise.all(cores.map((core) => startWorker(name, core)));
  const started = performance.now();
  const where = ['--store', join(folder, name, 'store'), '--out', join(folder, name, 'out')];
  const { code, stderr } = await touchstone(
    'run',
    'experiment.json',
    '--redis',
    server.url,
    ...where,
    '--quiet',
  );
  const seconds = (performance.now() - started) / 1000;
  expect(code, stderr).toBe(0);
  for (const worker of crew) {
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGTERM');
    await ended;
  }
  const cells = join(folder, name, 'out', 'cells');
  const [path, ...others] = (await fs.readdir(cells, { recursive: true }))
    .map(String)
    .filter((file) => file.endsWith('result.json'));
  expect(others).toEqual([]);
  const result = (await fs.readJson(join(cells, path!))) as Result;
  return { seconds, result };
}

it('two workers are 1.8 times as fast as one, and the result is that of no shards at all', async () => {
  const one = await timed('one', [0]);
  const two = await timed('two', [0, 1]);
  const ratio = one.seconds / two.seconds;
  console.log(
    `one: ${one.seconds.toFixed(1)} s, two: ${two.seconds.toFixed(1)} s, ratio ${ratio.toFixed(2)}`,
  );

  const how = ['--eps', String(EPSILON), '--attacks', ATTACKS.join(','), '--limit', String(IMAGES)];
  const { code, stderr } = await touchstone(
    ...['audit', checkpoint, '--data', 'mnist', ...how],
    ...['--chunk', String(CHUNK), '--out', 'whole', '--engine', 'onnxruntime', '--quiet'],
  );
  expect(code, stderr).toBe(0);
  const whole = (await fs.readJson(join(folder, 'whole', 'result.json'))) as Result;
  const essence = (result: Result) => {
    const { model, environment, ...rest } = withoutMachines(result);
    const { path: _, ...file } = model;
    const { cores: __, ...where } = environment; // a worker here sees one
    return { ...rest, model: file, environment: where };
  };
  expect(essence(one.result)).toEqual(essence(whole));
  expect(essence(two.result)).toEqual(essence(whole));
  expect(ratio).toBeGreaterThanOrEqual(1.8);
}, 1_200_000);
