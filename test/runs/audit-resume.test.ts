import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { decodeNpz } from '../../src/io/index.ts';
import type { Result } from '../../src/report/index.ts';
import type { AuditRunOptions } from '../../src/runs/audit-options.ts';
import { auditRun } from '../../src/runs/audit-run.ts';
import { program } from '../cli/harness.ts';
import { type Files, writeFiles } from '../eval/files.ts';
import { essence } from './essence.ts';

/** Three chunks: 512, 512 and 176. */
const IMAGES = 1200;
const engine = onnxruntimeEngine({ device: 'cpu', threads: 1 });
let folder: string;
let files: Files;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-audit-'));
  files = await writeFiles(folder, 2, IMAGES);
});
afterAll(async () => {
  await engine.close();
  await fs.remove(folder);
});

const run = (name: string, more: Partial<AuditRunOptions> = {}): Promise<Result> =>
  auditRun({
    model: files.model,
    data: files.data,
    threat: { norm: 'linf', epsilon: 0.02 },
    attacks: ['noise', 'pgd'],
    limit: IMAGES,
    seed: 4,
    engine,
    commandLine: [],
    out: join(folder, name),
    ...more,
  });

/** Stops the audit when a chunk after the first begins. */
async function interrupted(name: string): Promise<void> {
  const stop = new AbortController();
  const onProgress = (stage: string) => {
    if (stage.includes('images 513')) stop.abort();
  };
  await expect(run(name, { onProgress, signal: stop.signal })).rejects.toThrow();
}

const arrays = (name: string) => decodeNpz(fs.readFileSync(join(folder, name, 'adversarial.npz')));

describe('an audit that is interrupted', () => {
  it('goes on where it stopped, and ends as one that was not', async () => {
    await interrupted('cut');
    expect(fs.readdirSync(join(folder, 'cut')).sort()).toEqual(['audit.json', 'parts']);
    expect(fs.readdirSync(join(folder, 'cut', 'parts'))).toEqual(['000000.npz']);
    const before = fs.statSync(join(folder, 'cut', 'parts', '000000.npz')).mtimeMs;

    let first = '';
    const resumed = await run('cut', {
      onProgress: (stage) => {
        if (stage.includes('images')) first ||= stage;
        if (fs.existsSync(join(folder, 'cut', 'parts')))
          expect(fs.statSync(join(folder, 'cut', 'parts', '000000.npz')).mtimeMs).toBe(before);
      },
    });
    expect(first, 'the first chunk is not attacked again').toMatch(/images 513–1024 of 1200/);
    const whole = await run('whole');
    expect(essence(resumed)).toEqual(essence(whole));
    expect(arrays('cut')).toEqual(arrays('whole'));
    expect(whole.robust.n).toBe(IMAGES);
    expect(whole.robust.correct).toBe(files.margins.slice(0, -2).filter((m) => m > 0.02 * files.dual).length);
    for (const name of ['cut', 'whole'])
      expect(fs.readdirSync(join(folder, name)).sort()).toEqual([
        'adversarial.npz',
        'report.html',
        'result.json',
      ]);
  });

  it('is not gone on with by another one, and says what differs', async () => {
    await interrupted('other');
    const parts = fs.readdirSync(join(folder, 'other', 'parts'));
    await expect(run('other', { seed: 5 })).rejects.toThrow(
      /^E_FILE: .*holds another audit under way \(another seed\), expected the same model, data, attacks/,
    );
    await expect(run('other', { threat: { norm: 'linf', epsilon: 0.03 } })).rejects.toThrow(
      /another threat, stages/,
    );
    expect(fs.readdirSync(join(folder, 'other', 'parts'))).toEqual(parts);
  });

  it('with a damaged part says which, and does it again once that is removed', async () => {
    await interrupted('damaged');
    const part = join(folder, 'damaged', 'parts', '000000.npz');
    const bytes = fs.readFileSync(part);
    bytes[bytes.length >> 1]! ^= 1;
    fs.writeFileSync(part, bytes);
    await expect(run('damaged')).rejects.toThrow(/^E_DATA: .*000000\.npz is damaged, .*remove .*000000\.npz/);
    fs.removeSync(part);
    expect((await run('damaged')).robust.n).toBe(IMAGES);
  });

  it('by its budget reports what it came to, and goes on under another budget', async () => {
    const cut = await run('budget', {
      attacks: ['pgd'],
      budget: 2,
      parameters: { steps: 3000, stepSize: 1e-5 },
    });
    expect(cut.robust.planned).toBe(IMAGES);
    expect(cut.robust.n).toBeGreaterThan(0);
    expect(cut.robust.n).toBeLessThan(IMAGES);
    expect(cut.robust.n % 64).toBe(0);
    expect(cut.attacks[0]!.attacked).toBeLessThanOrEqual(cut.robust.n);
    expect(arrays('budget').get('x_adv')!.shape[0]).toBe(cut.robust.n);
    await expect(run('nothing', { attacks: ['pgd'], budget: 0.001 })).rejects.toThrow(
      /^E_RANGE: nothing was attacked/,
    );
    const more = await run('budget', {
      attacks: ['pgd'],
      budget: 3,
      parameters: { steps: 3000, stepSize: 1e-5 },
    });
    expect(more.robust.n).toBeGreaterThanOrEqual(cut.robust.n);
  });
});

describe('an audit that is killed', () => {
  const command = (name: string) => [
    ...[program, 'audit', files.model, '--data', files.data, '--eps', '0.02', '--attacks', 'noise,pgd'],
    ...['--limit', String(IMAGES), '--steps', '400', '--step-size', '0.001', '--seed', '4', '--threads', '1'],
    ...['--engine', 'onnxruntime', '--out', join(folder, name), '--quiet'],
  ];

  /** @returns the exit code; null where it was killed */
  const killed = (name: string, after: number): Promise<number | null> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, command(name), { stdio: 'ignore' });
      const timer = setTimeout(() => child.kill('SIGKILL'), after);
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve(code);
      });
    });

  it('ends, by the same command, in the same result', async () => {
    let kills = 0;
    for (let after = 1500; (await killed('killed', after)) === null; after *= 1.4) {
      kills += 1;
      for (const name of fs.existsSync(join(folder, 'killed', 'parts'))
        ? fs.readdirSync(join(folder, 'killed', 'parts'))
        : [])
        if (name.endsWith('.npz'))
          expect(() => decodeNpz(fs.readFileSync(join(folder, 'killed', 'parts', name)))).not.toThrow();
    }
    expect(kills).toBeGreaterThan(0);
    expect(await killed('quiet', 600_000)).toBe(0);
    const result = (name: string) => fs.readJsonSync(join(folder, name, 'result.json')) as Result;
    expect(essence(result('killed'))).toEqual(essence(result('quiet')));
    expect(arrays('killed')).toEqual(arrays('quiet'));
  }, 240_000);
});
