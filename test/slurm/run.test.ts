import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildPackage, execute } from '../cli/harness.ts';
import { type Cluster, startCluster } from './cluster.ts';

let cluster: Cluster;
let folder: string;
let program: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-slurm-run-'));
  program = await buildPackage(join(folder, 'package'));
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.stop();
  await fs.remove(folder);
});

const experiment = {
  schema: 'touchstone-experiment/1',
  name: 'two-cells',
  methods: ['natural', 'fast'],
  models: ['mnist-cnn'],
  data: ['mnist'],
  eps: [0.1],
  training: { epochs: 1, batchSize: 64, limit: 128 },
  audit: { attacks: ['fgsm'], limit: 64, shards: 2, chunk: 32 },
};

const touchstone = (...args: string[]) =>
  execute('env', [`SLURM_CONF=${cluster.config}`, process.execPath, program, ...args], folder);

/** All but when and how fast. */
async function comparison(of: string): Promise<unknown> {
  const { createdAt: _, times: __, ...rest } = await fs.readJson(join(folder, of, 'comparison.json'));
  return rest;
}

it('an experiment by Slurm equals the one made here', { timeout: 300_000 }, async () => {
  await fs.writeJson(join(folder, 'experiment.json'), experiment);
  const { code, stdout, stderr } = await touchstone('run', 'experiment.json', '--slurm', '--out', 'far');
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^submitted 10 jobs: train-1 \d+, .*; the comparison is job \d+\./);
  const local = await touchstone(
    'run',
    'experiment.json',
    '--out',
    'near',
    '--workers',
    '1',
    '--threads',
    '1',
  );
  expect(local.code, local.stderr).toBe(0);
  await cluster.idle(200);
  const logs = join(folder, 'far/slurm/log');
  const said = fs.readdirSync(logs).map((name) => fs.readFileSync(join(logs, name), 'utf8'));
  expect(fs.existsSync(join(folder, 'far/comparison.html')), said.join('\n')).toBe(true);
  expect(await comparison('far')).toEqual(await comparison('near'));
  expect(fs.readdirSync(join(folder, 'far/slurm/work'))).toEqual([]);
});

it('again there is nothing to submit: it is compared at once', { timeout: 120_000 }, async () => {
  const before = fs.readdirSync(join(folder, 'far/slurm/log'));
  await fs.remove(join(folder, 'far/comparison.json'));
  const { code, stdout, stderr } = await touchstone('run', 'experiment.json', '--slurm', '--out', 'far');
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('far/comparison.html');
  expect(await comparison('far')).toEqual(await comparison('near'));
  expect(fs.readdirSync(join(folder, 'far/slurm/log'))).toEqual(before);
});
