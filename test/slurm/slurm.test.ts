import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/experiment/scheduler.ts';
import { failedFolder, submitPlan } from '../../src/experiment/slurm/index.ts';
import { openStore } from '../../src/experiment/store/index.ts';
import type { Store } from '../../src/experiment/store.ts';
import { packageRoot } from '../../src/io/index.ts';
import { execute } from '../cli/harness.ts';
import { planOf } from '../experiment/slurm/plans.ts';
import { type Cluster, startCluster } from './cluster.ts';

let cluster: Cluster;
let folder: string;
beforeAll(async () => {
  // As people name folders, and worse.
  folder = await fs.mkdtemp(join(tmpdir(), "touchstone it's $(id) "));
  cluster = await startCluster();
  process.env.SLURM_CONF = cluster.config;
});
afterAll(async () => {
  await cluster?.stop();
  await fs.remove(folder);
});

interface Line {
  readonly id: string;
  readonly kind: string;
  readonly began: number;
  readonly ended: number;
  readonly threads: string;
}

describe('on a cluster of one node', () => {
  const [cells, shards] = [2, 2];
  const plan = planOf(cells, shards);
  let [store, root, out]: [Store | undefined, string, string] = [undefined, '', ''];

  beforeAll(async () => {
    [root, out] = [join(folder, 'store'), join(folder, 'out')];
    store = await openStore(root);
  });

  const options = () => ({
    out,
    store: root,
    threads: 2,
    arraySize: 3,
    partition: 'main',
    time: '5',
    touchstone: [
      process.execPath,
      '--import',
      join(packageRoot(), 'node_modules/tsx/dist/loader.mjs'),
      fileURLToPath(new URL('./stub.ts', import.meta.url)),
    ],
    compare: ['compare', root, String(cells), String(shards), '--failures', failedFolder(out)],
  });
  const journal = (): Line[] =>
    fs
      .readFileSync(join(root, 'journal'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const outcomes = (): Map<string, Outcome> => new Map(fs.readJsonSync(join(root, 'comparison')).outcomes);
  const conf = () => `SLURM_CONF=${cluster.config}`;
  const of = (kind: string, seed: number): string => {
    const found = plan.jobs.find(({ job, cells: c }) => job.kind === kind && c.includes(`cell-${seed}`));
    return found?.id ?? '';
  };
  const logs = (): string => {
    const at = join(out, 'slurm/log');
    return fs
      .readdirSync(at)
      .map((name) => `${name}: ${fs.readFileSync(join(at, name), 'utf8')}`)
      .join('\n');
  };

  it('a cell that fails does not hold the others', { timeout: 180_000 }, async () => {
    await fs.writeFile(join(root, 'broken'), '1');
    const { ids } = await submitPlan(plan, store!, options());
    expect([...ids!.keys()]).toEqual(['train-1', 'export-1', 'shard-1', 'shard-2', 'merge-1', 'compare']);
    await cluster.idle(150);
    expect(fs.existsSync(join(root, 'comparison')), logs()).toBe(true);
    const states = [...outcomes().values()].map(({ state }) => state);
    const [cell, broken] = [Array(5).fill('done'), ['failed', ...Array(4).fill('skipped')]];
    expect(states).toEqual([...cell, ...broken]);
    expect(outcomes().get(of('train', 1))).toEqual({
      state: 'failed',
      reason: 'the disk is on fire',
      attempts: 3,
    });
    expect(outcomes().get(of('merge', 1))).toEqual({ state: 'skipped', because: of('train', 1) });
  });

  it('each level begins when the one before has ended, each job is done once', () => {
    const lines = journal();
    const counts = new Map<string, number>();
    for (const { id } of lines) counts.set(id, (counts.get(id) ?? 0) + 1);
    const expected = plan.jobs
      .filter(({ cells: c }) => !c.includes('cell-1'))
      .map(({ id }) => [id, 1] as [string, number]);
    expect(counts).toEqual(new Map([...expected, [of('train', 1), 3]]));
    const levels = ['train', 'export', 'shard', 'merge'].map((kind) => lines.filter((l) => l.kind === kind));
    for (const [i, level] of levels.slice(1).entries())
      expect(Math.min(...level.map(({ began }) => began))).toBeGreaterThanOrEqual(
        Math.max(...levels[i]!.map(({ ended }) => ended)),
      );
    expect(fs.readJsonSync(join(root, 'comparison')).at).toBeGreaterThanOrEqual(
      Math.max(...lines.map(({ ended }) => ended)),
    );
    expect(new Set(lines.map(({ threads }) => threads))).toEqual(new Set(['2']));
  });

  it('the same again does what was not done, by submit.sh', { timeout: 180_000 }, async () => {
    const before = journal().length;
    await fs.remove(join(root, 'broken'));
    await fs.remove(join(root, 'comparison'));
    expect((await submitPlan(plan, store!, { ...options(), writeOnly: true })).jobs).toBe(5);
    const { code, stdout, stderr } = await execute(
      'env',
      [conf(), 'bash', join(out, 'slurm/submit.sh')],
      tmpdir(),
    );
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
    await cluster.idle(150);
    expect(
      [...outcomes().values()].filter(({ state }) => state !== 'done'),
      logs(),
    ).toEqual([]);
    const added = journal()
      .slice(before)
      .map(({ id }) => id);
    expect(added.sort()).toEqual(
      plan.jobs
        .filter(({ cells: c }) => c.includes('cell-1'))
        .map(({ id }) => id)
        .sort(),
    );
  });

  it('is refused while the queue still holds it', async () => {
    const other = planOf(4, 1);
    const held = { ...options(), extra: ['hold'] };
    const { ids } = await submitPlan(other, store!, held);
    const all = [...ids!.values()];
    await expect(submitPlan(other, store!, held)).rejects.toThrow(
      /^E_OPTION: \d arrays of this experiment are in the queue/,
    );
    expect((await execute('env', [conf(), 'scancel', ...all], tmpdir())).code).toBe(0);
    await cluster.idle(20);
  });
});
