/** An audit of 100,000 images: its memory, and that it may be killed at any time. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder, int64, toModel } from '../../src/graph/index.ts';
import { encodeNpz, sha256, writeModelFile } from '../../src/io/index.ts';
import { key, normal, uniform } from '../../src/random/index.ts';
import type { Result } from '../../src/report/index.ts';
import { program } from '../cli/harness.ts';
import { essence } from './essence.ts';

const IMAGES = 100_000;
const SIDE = 14;
const CLASSES = 4;
const SIZE = SIDE * SIDE;
let folder: string;

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-stream-'));
  const weights = normal(key(0), CLASSES * SIZE);
  const pixels = Uint8Array.from(uniform(key(1), IMAGES * SIZE), (v) => Math.floor(256 * v));
  const b = new GraphBuilder();
  b.input('x', 'float32', ['N', 1, SIDE, SIDE]);
  const w = b.floats(weights, [CLASSES, SIZE]);
  b.output(b.op('Gemm', [b.op('Flatten', ['x']), w], { transB: 1 }), 'logits');
  await writeModelFile(join(folder, 'model.onnx'), toModel(b.build()));
  const labels = Array.from({ length: IMAGES }, (_, n) => labelOf(weights, pixels, n));
  const npz = encodeNpz({
    x: { dtype: 'uint8', shape: [IMAGES, 1, SIDE, SIDE], data: pixels },
    y: int64(labels),
  });
  await fs.writeFile(join(folder, 'data.npz'), npz);
}, 120_000);
afterAll(() => fs.remove(folder));

/** The class that the model gives it. */
function labelOf(weights: Float32Array, pixels: Uint8Array, n: number): number {
  const scores = Array.from({ length: CLASSES }, (_, c) => {
    let score = 0;
    for (let i = 0; i < SIZE; i++) score += weights[c * SIZE + i]! * pixels[n * SIZE + i]!;
    return score;
  });
  return scores.indexOf(Math.max(...scores));
}

interface Ran {
  /** null where it was killed. */
  readonly code: number | null;
  /** MiB of resident memory, and how many chunks were done, ten times a second. */
  readonly samples: readonly { readonly rss: number; readonly parts: number }[];
}

const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;

/** @param killAt the chunk after which it is killed */
function audit(name: string, killAt = Number.POSITIVE_INFINITY): Promise<Ran> {
  const out = join(folder, name);
  const args = [program, 'audit', join(folder, 'model.onnx'), '--data', join(folder, 'data.npz')];
  args.push('--eps', '0.01', '--attacks', 'noise,fgsm', '--limit', String(IMAGES), '--threads', '1');
  args.push('--engine', 'onnxruntime', '--out', out, '--quiet');
  const samples: { rss: number; parts: number }[] = [];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const timer = setInterval(() => {
      const parts = fs.existsSync(join(out, 'parts')) ? fs.readdirSync(join(out, 'parts')).length : 0;
      try {
        samples.push({ rss: rssOf(child.pid!), parts });
      } catch {} // it has just ended
      if (parts >= killAt) child.kill('SIGKILL');
    }, 100);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      resolve({ code, samples });
    });
  });
}

describe('an audit of 100,000 images', () => {
  it.runIf(process.platform === 'linux')(
    'keeps its memory, and ends in the same result however often it is killed',
    async () => {
      const quiet = await audit('quiet');
      expect(quiet.code).toBe(0);
      const chunks = Math.max(...quiet.samples.map(({ parts }) => parts));
      const most = (from: number, to: number) =>
        Math.max(
          ...quiet.samples
            .slice(
              0,
              quiet.samples.findIndex(({ parts }) => parts === chunks),
            ) // then they are removed, one by one
            .filter(({ parts }) => parts >= from * chunks && parts <= to * chunks)
            .map(({ rss }) => rss),
        );
      expect(chunks).toBeGreaterThan(190);
      // The second half's adversarial images, kept, would be 30 MiB more.
      expect(most(0.5, 1) - most(0.1, 0.5)).toBeLessThan(20);

      for (const killAt of [1, 60, 61, 150]) expect((await audit('killed', killAt)).code).toBe(null);
      expect((await audit('killed')).code).toBe(0);
      const result = (name: string) => fs.readJsonSync(join(folder, name, 'result.json')) as Result;
      expect(essence(result('killed'))).toEqual(essence(result('quiet')));
      expect(result('quiet').robust.n).toBe(IMAGES);
      const hash = (name: string) => sha256(fs.readFileSync(join(folder, name, 'adversarial.npz')));
      expect(hash('killed')).toBe(hash('quiet'));
    },
    600_000,
  );
});
