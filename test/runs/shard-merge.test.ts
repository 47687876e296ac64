/** Merged shards beside the same audit in one piece: the result and the images must be equal to the last digit. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { parseResult, renderReport } from '../../src/report/index.ts';
import type { AuditRunOptions } from '../../src/runs/audit-options.ts';
import { auditRun } from '../../src/runs/audit-run.ts';
import { mergeRun } from '../../src/runs/merge-run.ts';
import { shardRun } from '../../src/runs/shard-run.ts';
import { readShards } from '../../src/runs/shards.ts';
import { writeFiles } from '../eval/files.ts';
import { makeShards, withoutMachines } from './shards.ts';

const one = onnxruntimeEngine({ device: 'cpu', threads: 1 });
const two = onnxruntimeEngine({ device: 'cpu', threads: 2 });
let folder: string;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-shards-'));
});
afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await fs.remove(folder);
});

/** Makes the audit both ways, the shards by turns with one and two threads. */
async function bothWays(
  name: string,
  of: number,
  asked: Omit<AuditRunOptions, 'engine' | 'commandLine' | 'out'>,
) {
  const options = { ...asked, engine: one, commandLine: [] };
  const at = join(folder, name);
  const whole = await auditRun({ ...options, out: join(at, 'whole') });
  const dirs = await makeShards(at, of, (index) => ({ ...options, engine: index % 2 ? two : one }));
  const shards = await readShards([...dirs].reverse());
  const merged = await mergeRun({ shards, engine: one, commandLine: [], out: join(at, 'merged') });
  return { at, dirs, whole, merged };
}

const bytes = (at: string, which: string) => fs.readFileSync(join(at, which, 'adversarial.npz'));

describe('shards of an audit of a linear model', () => {
  it.each([
    ['linf', 3, ['noise', 'fgsm', 'pgd', 'apgd-ce', 'square']],
    ['l2', 5, ['pgd', 'deepfool', 'fab']],
    ['linf', 1, ['pgd']],
  ] as const)('under %s in %i make what one piece makes', async (norm, of, attacks) => {
    const { model, data } = await writeFiles(folder, 2, 40);
    const { at, dirs, whole, merged } = await bothWays(`${norm}-${of}`, of, {
      ...{ model, data, attacks, limit: 37, chunk: 6, seed: 3 },
      threat: { norm, epsilon: norm === 'l2' ? 0.2 : 0.06 },
      parameters: { steps: 6 },
    });
    expect(merged.robust.n).toBe(37);
    expect(merged.robust.correct).toBeGreaterThan(0);
    expect(merged.robust.correct).toBeLessThan(merged.clean.correct);
    expect(withoutMachines(merged)).toEqual(withoutMachines(whole));
    expect(bytes(at, 'merged').equals(bytes(at, 'whole'))).toBe(true);
    expect(fs.readdirSync(join(at, 'merged')).sort()).toEqual([
      'adversarial.npz',
      'report.html',
      'result.json',
    ]);
    // 7 chunks, shared out in order: none twice, none left out.
    const parts = dirs.map((dir) => fs.readdirSync(join(dir, 'parts')));
    expect(parts.flat()).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `00000${i}.npz`));
    const sizes = parts.map((p) => p.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  it('name the machines: who made how many, and in what time', async () => {
    const dirs = [1, 2, 3].map((i) => join(folder, 'linf-3', `${i}-of-3`));
    const records = dirs.map((dir) => fs.readJsonSync(join(dir, 'shard.json')));
    const path = join(folder, 'linf-3', 'merged', 'result.json');
    const { machines = [], seconds, ...rest } = parseResult(fs.readJsonSync(path));
    expect(machines.map((m) => [m.threads, m.shards])).toEqual([
      [2, 2],
      [1, 1],
    ]);
    expect(machines[1]!.seconds).toBe(records[1].seconds);
    expect(seconds).toBeGreaterThan(records.reduce((sum, r) => sum + r.seconds, 0));
    const html = renderReport({ ...rest, machines, seconds }, { examples: [] });
    expect(html).toContain(`1 machine in 3 shards (${records[0].machine.name} 3)`);
    expect(fs.readFileSync(join(folder, 'linf-3', 'merged', 'report.html'), 'utf8')).toContain(
      '1 machine in 3 shards',
    );
  });

  it('done again are read, not made: not a byte changes', async () => {
    const { model, data } = await writeFiles(folder, 2, 40);
    const out = join(folder, 'again');
    const options = {
      ...{ model, data, attacks: ['pgd'], limit: 20, chunk: 5, seed: 0, engine: one, commandLine: [], out },
      ...{ threat: { norm: 'linf', epsilon: 0.06 } as const, shard: { index: 2, of: 2 } },
    };
    const record = await shardRun(options);
    expect([record.images, record.state]).toEqual([10, 'whole']);
    const times = () =>
      fs.readdirSync(join(out, 'parts')).map((name) => fs.statSync(join(out, 'parts', name)).mtimeMs);
    const before = times();
    expect(await shardRun({ ...options, engine: two })).toEqual(record);
    expect(times()).toEqual(before);
    // One that is lost is made again.
    await fs.remove(join(out, 'parts', '000003.npz'));
    const mended = await shardRun(options);
    expect(times()[0]).toBe(before[0]);
    expect({ ...mended, seconds: 0 }).toEqual({ ...record, seconds: 0 });
  });
});

describe('shards of an audit of a convolutional network', () => {
  it('are equal digit for digit, whatever the threads', async () => {
    const model = fileURLToPath(new URL('../../models/zoo/mnist-pgd.onnx', import.meta.url));
    const { at, whole, merged } = await bothWays('net', 4, {
      ...{ model, data: 'mnist', attacks: ['pgd', 'apgd-dlr'], limit: 64, chunk: 16, seed: 0 },
      threat: { norm: 'linf', epsilon: 0.3 },
      parameters: { steps: 5 },
    });
    expect(whole.robust.correct).toBeGreaterThan(0);
    expect(whole.robust.correct).toBeLessThan(60);
    expect(withoutMachines(merged)).toEqual(withoutMachines(whole));
    expect(bytes(at, 'merged').equals(bytes(at, 'whole'))).toBe(true);
  });
});
