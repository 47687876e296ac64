import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { expect, it } from 'vitest';
import { gpuRecord } from '../../benchmarks/gpu-record.ts';
import { execute } from '../cli/harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A model that does not exist stands for a step that fails; without PyTorch it takes 15 s. */
it('gpu.sh goes on after a step that fails, writes one record, and ends with 1', async () => {
  const out = await fs.mkdtemp(join(tmpdir(), 'touchstone-gpu-'));
  const options = ['--device', 'cpu', '--quick', '--models', 'nix,mnist-cnn', '--out', out];
  const command = 'PYTHON=/nowhere/python exec bash benchmarks/gpu.sh "$@"';
  const { code, stdout, stderr } = await execute('bash', ['-c', command, 'gpu.sh', ...options], root);
  expect([code, stderr]).toEqual([1, '']);
  expect(stdout).toMatch(/^== engines-nix: failed \(2\), \d+ s$/m);
  expect(stdout).toMatch(/^PyTorch is left out: /m);
  const [folder, ...others] = await fs.readdir(out);
  expect([folder, others]).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\d-gpu-dry-cpu$/), []]);
  expect((await fs.readdir(join(out, folder!))).sort()).toEqual(['log.txt', 'record.json']);
  const record = gpuRecord.parse(await fs.readJson(join(out, folder!, 'record.json')));
  expect(record.steps.map(({ name, exit }) => [name, exit])).toEqual([
    ['doctor', 0],
    ['conformance-onnxruntime', 0],
    ['conformance-tensorflow', 0],
    ['conformance-architectures', 0],
    ['engines-nix', 2],
    ['engines-mnist-cnn', 0],
  ]);
  expect(record.conformance.map((c) => [c.suite, c.failed, c.failures])).toEqual([
    ['architectures', 0, []],
    ['onnxruntime', 0, []],
    ['tensorflow', 0, []],
  ]);
  for (const { passed } of record.conformance) expect(passed).toBeGreaterThanOrEqual(2);
  expect(record.engines).toHaveLength(1);
  const engines = new Set(record.engines[0]!.rows.map((r) => r.engine));
  expect([...engines]).toEqual(['onnxruntime', 'tensorflow']);
  await fs.remove(out);
});
