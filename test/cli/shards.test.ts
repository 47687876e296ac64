/** Shards and their merge as a shell sees them, one of them killed on the way. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { parseResult } from '../../src/report/index.ts';
import { shardRun } from '../../src/runs/shard-run.ts';
import { type Files, writeFiles } from '../eval/files.ts';
import { withoutMachines } from '../runs/shards.ts';
import { buildPackage, execute } from './harness.ts';

const engine = onnxruntimeEngine({ device: 'cpu', threads: 1 });
let folder: string;
let program: string;
let files: Files;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-shards-cli-'));
  program = await buildPackage(join(folder, 'package'));
  files = await writeFiles(folder, 2, 60);
}, 120_000);
afterAll(async () => {
  await engine.close();
  await fs.remove(folder);
});

/** Two chunks a shard; long enough to be killed in the second. */
const audit = (out: string, ...more: string[]) => [
  ...[program, 'audit', files.model, '--data', files.data, '--eps', '0.05', '--attacks', 'noise,pgd'],
  ...['--chunk', '10', '--steps', '1500', '--step-size', '0.001', '--engine', 'onnxruntime'],
  ...['--threads', '1', '--out', out, ...more],
];
const run = (args: readonly string[]) => execute(process.execPath, args, folder);

/** Kills a shard as soon as its first part is there. @returns how it ended, and what it left */
function killed(out: string, args: readonly string[]): Promise<{ signal: string | null; parts: string[] }> {
  const parts = () => fs.readdirSync(join(folder, out, 'parts')).filter((name) => name.endsWith('.npz'));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' });
    const watch = setInterval(() => {
      if (fs.existsSync(join(folder, out, 'parts')) && parts().length > 0) child.kill('SIGKILL');
    }, 2);
    child.on('error', reject);
    child.on('close', (_, signal) => {
      clearInterval(watch);
      resolve({ signal, parts: parts() });
    });
  });
}

it('three shards, one of them killed and run again, merge into what one piece gives', async () => {
  const first = await run(audit('A', '--shard', '1/3'));
  expect([first.code, first.stderr]).toEqual([0, '']);
  expect(first.stdout).toMatch(
    /^shard 1\/3: of 20 images 20 are classified correctly and \d+ stand; merge it with the others: A\n$/,
  );
  expect(fs.readdirSync(join(folder, 'A')).sort()).toEqual(['audit.json', 'parts', 'shard.json']);

  const death = await killed('B', audit('B', '--shard', '2/3', '--quiet'));
  expect(death).toEqual({ signal: 'SIGKILL', parts: ['000002.npz'] });
  await shardRun({
    ...{ model: files.model, data: files.data, attacks: ['noise', 'pgd'], chunk: 10, seed: 0 },
    ...{ threat: { norm: 'linf', epsilon: 0.05 }, parameters: { steps: 1500, stepSize: 0.001 } },
    ...{ engine, commandLine: [], out: join(folder, 'C'), shard: { index: 3, of: 3 } },
  });

  const early = await run([program, 'merge', 'A', 'B', 'C', '--out', 'merged']);
  expect([early.code, early.stdout]).toEqual([2, '']);
  expect(early.stderr).toBe(
    'error E_FILE: B (shard 2/3) is not finished, expected a whole shard: run its command again\n',
  );
  expect(fs.existsSync(join(folder, 'merged'))).toBe(false);

  const kept = fs.statSync(join(folder, 'B', 'parts', '000002.npz')).mtimeMs;
  const again = await run(audit('B', '--shard', '2/3', '--json', '-'));
  expect([again.code, again.stderr]).toEqual([0, '']);
  expect(JSON.parse(again.stdout)).toMatchObject({
    schema: 'touchstone-shard/1',
    index: 2,
    of: 3,
    state: 'whole',
  });
  expect(fs.statSync(join(folder, 'B', 'parts', '000002.npz')).mtimeMs).toBe(kept);

  const merged = await run([program, 'merge', 'C', 'A', 'B', '--out', 'merged', '--min-robust', '0.99']);
  expect([merged.code, merged.stderr]).toEqual([1, '']); // the bar is missed
  expect(merged.stdout).toMatch(/worst case \(60\)/);
  expect(merged.stdout).toMatch(/made by 1 machine in 3 shards/);
  expect(merged.stdout).toMatch(/report: merged\/report.html/);

  expect((await run(audit('whole'))).code).toBe(0);
  const result = (name: string) => parseResult(fs.readJsonSync(join(folder, name, 'result.json')));
  expect(withoutMachines(result('merged'))).toEqual(withoutMachines(result('whole')));
  const images = (name: string) => fs.readFileSync(join(folder, name, 'adversarial.npz'));
  expect(images('merged').equals(images('whole'))).toBe(true);
}, 120_000);
