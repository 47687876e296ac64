/** What a shell is told where an attack lies: exit code 1. The attack is exchanged in the command's own process, and nothing else. */
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseResult } from '../../src/report/index.ts';
import { companyGraph, lies, radiusOf, writeSubject } from '../eval/lies.ts';
import { execute } from './harness.ts';

const N = 24;
const child = join(dirname(fileURLToPath(import.meta.url)), 'lying-audit.ts');
let folder: string;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-lies-'));
  await writeSubject(join(folder, 'plain'), N);
  await writeSubject(join(folder, 'company'), N, companyGraph());
});
afterAll(() => fs.remove(folder));

async function audit(told: string, model: string) {
  const files = [join(folder, model, 'model.onnx'), '--data', join(folder, 'plain', 'data.npz')];
  const options = ['--eps', `${radiusOf('linf')}`, '--attacks', 'fgsm', '--engine', 'onnxruntime'];
  const { code, stdout, stderr } = await execute(
    process.execPath,
    ['--import', 'tsx', child, told, 'audit', ...files, ...options, '--threads', '1', '--json', '-'],
    dirname(child),
  );
  expect(stdout, stderr).not.toBe('');
  return { code, verifier: parseResult(JSON.parse(stdout)).verifier };
}

it('what is so: 0', { timeout: 300_000 }, async () => {
  const { code, verifier } = await audit('truth', 'plain');
  expect(verifier).toMatchObject({ ok: true, checked: N, rejected: 0 });
  expect(code).toBe(0);
});

it.each(Object.entries(lies))('%s: 1', { timeout: 300_000 }, async (name, { reason }) => {
  const { code, verifier } = await audit(name, 'plain');
  expect(verifier).toMatchObject({ ok: false, rejected: N, reasons: { [reason]: N } });
  expect(code).toBe(1);
});

it('a success in company only: 1', { timeout: 300_000 }, async () => {
  const { code, verifier } = await audit('truth', 'company');
  expect(verifier).toMatchObject({ ok: false, rejected: 0, reasons: {} });
  expect(verifier.batchSizeOneMismatches).toBeGreaterThan(5);
  expect(code).toBe(1);
});
