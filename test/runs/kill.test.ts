import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { key, uniform } from '../../src/random/index.ts';
import { startRun } from '../../src/runs/train-run.ts';
import { checkpointOf, jsonLines, outcomeOf, stateOf } from './files.ts';
import { KILLED_RUN } from './killed-run.ts';

const KILLS = 20;
/** Into this much training a kill may come, in ms: several epochs, each with three files to write. */
const WINDOW = 500;

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchstone-kill-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Death {
  readonly finished: boolean;
  /** The epoch under way and the last one said to be saved, as far as the process came to say. */
  readonly training: number;
  readonly saved: number;
}

/** Runs the child, and kills it after so many ms of training (or of starting up, where negative). */
function run(dir: string, killAfter: number): Promise<Death> {
  const script = fileURLToPath(new URL('./train-child.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, dir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [text, errors] = ['', ''];
  let timer: NodeJS.Timeout | undefined;
  const kill = (ms: number) => {
    timer ??= setTimeout(() => child.kill('SIGKILL'), ms);
  };
  if (killAfter < 0) kill(-killAfter);
  child.stderr?.on('data', (bytes) => {
    errors += bytes;
  });
  child.stdout?.on('data', (bytes) => {
    text += bytes;
    if (killAfter >= 0) kill(killAfter);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (signal !== 'SIGKILL' && code !== 0) return reject(new Error(`the child failed: ${errors}`));
      const last = (word: string) =>
        Number([...text.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
      resolve({ finished: /^finished$/m.test(text), training: last('training'), saved: last('saved') });
    });
  });
}

/** Every file that is there must be whole. */
async function parseAll(dir: string): Promise<{ epoch: number }> {
  const files = await readdir(dir).catch(() => [] as string[]);
  if (files.includes('run.json')) JSON.parse(await readFile(join(dir, 'run.json'), 'utf8'));
  if (files.includes('history.jsonl')) await jsonLines(dir);
  if (files.includes('checkpoint.onnx')) await checkpointOf(dir);
  return { epoch: files.includes('state.npz') ? (await stateOf(dir)).cursor.epoch : 0 };
}

it(`killed ${KILLS} times at random, a run ends with the weights of one left alone`, {
  timeout: 180_000,
}, async () => {
  const straight = join(home, 'straight');
  await startRun({ ...KILLED_RUN, out: straight });
  const expected = await outcomeOf(straight);
  expect(expected.epoch).toBe(KILLED_RUN.epochs);

  // One kill in five comes while the process starts: before run.json, or before the views are made again.
  const draws = uniform(key(20).fold('kills'), KILLS);
  const moments = Array.from(draws, (u, i) => (i % 5 === 0 ? -(300 + 900 * u) : WINDOW * u));
  for (let folder = 0; moments.length > 0; folder++) {
    const dir = join(home, `killed-${folder}`);
    let before = 0;
    for (let finished = false; !finished; ) {
      const death = await run(dir, moments.shift() ?? 1e6);
      const { epoch } = await parseAll(dir);
      expect(epoch, 'no saved epoch is lost').toBeGreaterThanOrEqual(Math.max(before, death.saved));
      expect(epoch, 'only the epoch under way is lost').toBeGreaterThanOrEqual(death.training - 1);
      before = epoch;
      finished = death.finished;
    }
    expect(await outcomeOf(dir)).toEqual(expected);
    expect((await readdir(dir)).sort()).toEqual([
      'checkpoint.onnx',
      'history.jsonl',
      'run.json',
      'state.npz',
    ]);
    expect(await jsonLines(dir)).toHaveLength(KILLED_RUN.epochs!);
  }
});
