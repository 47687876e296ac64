import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gpuRecord, gpuRecordOf } from '../../benchmarks/gpu-record.ts';
import { execute } from '../cli/harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-gpu-'));
});
afterAll(() => fs.remove(folder));

/** The script, on a machine whose nvidia-smi finds nothing. */
async function script(...args: string[]) {
  const bin = join(folder, 'bin');
  await fs.outputFile(join(bin, 'nvidia-smi'), '#!/bin/sh\necho "No devices were found"\nexit 6\n', {
    mode: 0o755,
  });
  const command = `PATH="${bin}:$PATH" exec bash benchmarks/gpu.sh "$@"`;
  return execute('bash', ['-c', command, 'gpu.sh', ...args], root);
}

describe('gpu.sh', () => {
  it('stops in one line where there is no GPU', async () => {
    const { code, stdout, stderr } = await script('--out', join(folder, 'none'));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error no NVIDIA GPU, or no driver for it .*\n$/);
    expect(fs.existsSync(join(folder, 'none'))).toBe(false);
  });

  it.each([
    [
      'an option that it does not have',
      ['--fast'],
      /^error unknown option --fast, expected --out DIR, .*\n$/,
    ],
    ['an option without its value', ['--models'], /^error --models without a value\n$/],
    ['another device', ['--device', 'tpu'], /^error --device tpu, expected cuda or cpu\n$/],
  ])('refuses %s', async (_what, args, line) => {
    const { code, stderr } = await script(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(line);
  });
});

describe('the record of gpu.sh', () => {
  /** As vitest's JSON reporter writes it. */
  const report = (passed: number, results: object[], failed = 0) => ({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: 0,
    testResults: results,
  });
  const red = '\u001b[31m';

  it('has the steps so far, and the tests that failed with their first lines', async () => {
    const work = join(folder, 'work');
    await fs.outputFile(join(work, 'gpu'), 'cuda\nNVIDIA T4\n535.1, 15360 MiB\n');
    await fs.outputFile(join(work, 'steps'), 'setup-cuda\t0\t31\t600\nengines-vgg16\t124\t600\t600\n');
    const failing = {
      fullName: 'a b',
      status: 'failed',
      failureMessages: [`${red}AssertionError: c\n  at d`],
    };
    const passing = { fullName: 'e', status: 'passed', failureMessages: [] };
    await fs.outputJson(
      join(work, 'tensorflow.vitest.json'),
      report(1, [{ name: 't', status: 'failed', assertionResults: [failing, passing] }], 1),
    );
    await fs.outputJson(
      join(work, 'onnxruntime.vitest.json'),
      report(0, [
        { name: join(root, 'test/o.ts'), status: 'failed', message: 'no GPU\nat', assertionResults: [] },
      ]),
    );
    const record = gpuRecordOf(work);
    expect(record).toMatchObject({ device: 'cuda', gpu: 'NVIDIA T4', driver: '535.1, 15360 MiB' });
    expect(record.steps).toEqual([
      { name: 'setup-cuda', exit: 0, seconds: 31, budget: 600 },
      { name: 'engines-vgg16', exit: 124, seconds: 600, budget: 600 },
    ]);
    expect(record.conformance).toEqual([
      {
        ...{ suite: 'onnxruntime', passed: 0, failed: 0, skipped: 0 },
        failures: [{ test: 'test/o.ts', why: 'no GPU' }],
      },
      {
        ...{ suite: 'tensorflow', passed: 1, failed: 1, skipped: 0 },
        failures: [{ test: 'a b', why: 'AssertionError: c' }],
      },
    ]);
    expect(record.engines).toEqual([]);
    expect(gpuRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
  });

  it('refuses what no step writes', async () => {
    const work = join(folder, 'other');
    await fs.outputFile(join(work, 'gpu'), 'cuda\nNVIDIA T4\n\n');
    await fs.outputJson(join(work, 'vgg16.engines.json'), { benchmark: 'engines' });
    expect(() => gpuRecordOf(work)).toThrow(/engines/);
  });
});
