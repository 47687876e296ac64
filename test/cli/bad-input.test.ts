/** Bad requests, as a shell sees them: one line on stderr, exit 2, and nothing written. */

import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DATA,
  EXPERIMENTS,
  FILES,
  OPTIONS,
  OUTPUTS,
  type Row,
  SHARDS,
  TRAINING,
  withOption,
} from './bad-requests.ts';
import { buildPackage, contents, type Ended, execute, program, writeInputs } from './harness.ts';

let folder: string;
let compiled: string;

interface Outcome extends Ended {
  /** The folder that the command ran in, which held nothing but OUT. */
  readonly after: Record<string, string>;
}

let count = 0;
async function attempt(
  { command, before }: Pick<Row, 'command' | 'before'>,
  from = program,
): Promise<Outcome> {
  const cwd = join(folder, `row-${count++}`);
  await fs.ensureDir(cwd);
  for (const [name, text] of Object.entries(before ?? {})) await fs.outputFile(join(cwd, 'out', name), text);
  const args = command
    .split(' ')
    .map((word) => word.replace(/^@/, `${folder}/`).replace('OUT', join(cwd, 'out')));
  const ended = await execute(process.execPath, [from, ...args], cwd);
  return { ...ended, after: contents(cwd) };
}

/**
 * The rows run against the compiled package, two at a time; what follows them, from the sources: both ways that
 * bin/touchstone.mjs knows.
 */
const ALL = [...FILES, ...DATA, ...OPTIONS, ...SHARDS, ...EXPERIMENTS, ...OUTPUTS, ...TRAINING];
const outcomes = new Map<Row, Promise<Outcome>>();

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-'));
  await writeInputs(folder);
  compiled = await buildPackage(join(folder, 'package'));
  let last: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  for (const [i, r] of ALL.entries()) {
    const outcome = last[i % 2]!.then(() => attempt(r, compiled));
    outcomes.set(r, outcome);
    last = last.map((p, lane) => (lane === i % 2 ? outcome.catch(() => undefined) : p));
  }
}, 120_000);
afterAll(async () => {
  await Promise.allSettled(outcomes.values());
  await fs.remove(folder);
});

async function expectRefused(r: Row): Promise<void> {
  const { code, stdout, stderr, after } = await outcomes.get(r)!;
  const [line, ...rest] = stderr.split('\n');
  expect(line).toMatch(/^error E_[A-Z]+: ./);
  expect(line!.slice('error '.length)).toMatch(r.line);
  expect(rest).toEqual(['']);
  expect(stdout).toBe('');
  expect(code).toBe(2);
  const expected = Object.entries(r.before ?? {}).map(([name, text]) => [join('out', name), text]);
  expect(after).toEqual(Object.fromEntries(expected));
}

describe.each([
  ['files', FILES],
  ['data', DATA],
  ['options', OPTIONS],
  ['shards', SHARDS],
  ['experiments', EXPERIMENTS],
  ['outputs', OUTPUTS],
  ['train and export', TRAINING],
] as const)('one line, exit 2 and nothing written: %s', (_name, rows) => {
  it.each(rows.map((r) => [r.what, r] as const))('%s', (_what, r) => expectRefused(r));
});

describe('what is not a bad request', () => {
  it('an audit writes its three files; below --min-robust it exits with 1, still', async () => {
    const { code, stdout, stderr, after } = await attempt({
      command: withOption('--eps 0.1 --min-robust 0.99'),
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/worst case/);
    expect(Object.keys(after).sort()).toEqual(['out/adversarial.npz', 'out/report.html', 'out/result.json']);
    expect(code).toBe(1);
  });

  it('the same audit without a bar exits with 0, and --json - writes nothing else to stdout', async () => {
    const { code, stdout, stderr } = await attempt({
      command: 'audit @model.onnx --data @data.npz --eps 8/255 --attacks fgsm --json -',
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'touchstone-result/1', threat: { epsilon: 8 / 255 } });
  });

  it('a file in the place of a model that exists already is not touched when another is refused', async () => {
    const { code, after } = await attempt({
      command: 'gradient @truncated.onnx --out OUT/g.onnx',
      before: { 'g.onnx': 'an earlier gradient' },
    });
    expect([code, after]).toEqual([2, { 'out/g.onnx': 'an earlier gradient' }]);
  });
});

describe('a full disk', () => {
  // A file system of 64 kB of the test's own; the audit's three files need more.
  const small = 'mount -t tmpfs -o size=64k none "$0" && "$@"; code=$?; find "$0" -type f; exit $code';
  const mountable = () =>
    process.platform === 'linux' &&
    spawnSync('unshare', ['-rm', 'sh', '-c', small, tmpdir(), 'true']).status === 0;

  it('gives one line and exit 2, and leaves nothing but what the same command goes on from', async (context) => {
    if (!mountable()) context.skip('this machine lets nobody mount a file system of their own');
    const disk = join(folder, 'disk');
    await fs.ensureDir(disk);
    const args = withOption('--eps 0.1 --quiet').split(' ');
    const words = args.map((word) => word.replace(/^@/, `${folder}/`).replace('OUT', join(disk, 'out')));
    const script = ['-rm', 'sh', '-c', small, disk, process.execPath, program, ...words];
    const { code, stdout, stderr } = await execute('unshare', script, folder);
    expect(stderr).toMatch(
      /^error E_WRITE: cannot write .*: the disk is full: free some space, or choose another disk\n$/,
    );
    // `find` names every file left on it: whole parts, and no half of a result.
    const left = stdout.split('\n').filter(Boolean);
    for (const path of left) expect(path).toMatch(/out\/(audit\.json|parts\/\d{6}\.npz)$/);
    expect(code).toBe(2);
  });
});
