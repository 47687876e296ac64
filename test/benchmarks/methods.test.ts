import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseOptions } from '../../benchmarks/methods/options.ts';
import { renderMethods } from '../../benchmarks/methods/page.ts';
import { type MethodsRecord, methodsRecord } from '../../benchmarks/methods/record.ts';
import { type BenchControls, benchMethods } from '../../benchmarks/methods/run.ts';
import { methodsTable } from '../../benchmarks/methods/table.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { firstImages, loadData } from '../../src/data/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { engineClassifier, predictions } from '../../src/eval/index.ts';
import { readRun } from '../../src/runs/train-run.ts';
import { execute, program } from '../cli/harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** `fast` with a rate at which nothing stays finite. */
vi.mock('../../benchmarks/methods/settings.ts', async (original) => {
  const { common, settings } = await original<typeof import('../../benchmarks/methods/settings.ts')>();
  return { common, settings: { ...settings, fast: { options: { learningRate: 1e30 } } } };
});

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'touchstone-methods-'));
});
afterAll(() => rmSync(home, { recursive: true }));

/** Little data: 540 images in five mini-batches, and 60 held out. */
const tiny = (methods: string, more: readonly string[] = []) =>
  parseOptions([
    ...['--methods', methods, '--limit', '600', '--epochs', '1', '--attacked', '50'],
    ...['--out', join(home, 'runs'), '--device', 'cpu', '--threads', '1', ...more],
  ]);

const silent = (more: Partial<BenchControls> = {}): BenchControls => ({
  progress: createProgress({ quiet: true }),
  signal: new AbortController().signal,
  ...more,
});

const stateOf = (method: string) => statSync(join(home, 'runs', method, 'state.npz')).mtimeMs;

describe('bench methods', () => {
  let record: MethodsRecord;
  const soFar: string[][] = [];
  beforeAll(async () => {
    const onRecord = async ({ methods }: MethodsRecord) => {
      soFar.push(methods.map(({ state }) => state));
    };
    record = await benchMethods(tiny('pgd,free'), silent({ onRecord }));
  }, 60_000);

  it('counts what each method paid, and times it without its validation', () => {
    expect(record.methods.map(({ state }) => state)).toEqual(['done', 'done']);
    expect(record.rows.map((r) => [r.method, r.backwardsPerBatch, r.backwards])).toEqual([
      ['pgd', 11, 11 * 540],
      ['free', 2, 2 * 540],
    ]);
    for (const [m, { seconds }] of record.methods.map((m, i) => [m, record.rows[i]!] as const)) {
      const [epoch] = m.epochs;
      expect(epoch).toMatchObject({ epoch: 1, batches: 5, timed: 5 });
      expect(epoch!.medianSeconds).toBeLessThan(seconds!);
      expect(seconds).toBe(epoch!.seconds);
    }
    const [rat, free] = record.rows;
    expect(rat!.saving).toBe(0);
    expect(free!.saving).toBeGreaterThan(0);
    expect(free!.predictedSaving).toBeCloseTo(1 - 4 / 22, 12);
    expect(record.methods[1]!.note).toBe('1 epoch of 2 replays each, 1 ÷ 2 rounded up');
  });

  it('attacks what it trained: FGSM by hand comes to the same', async () => {
    const { checkpoint, model } = await readRun(join(home, 'runs', 'pgd'));
    const engine = onnxruntimeEngine({ device: 'cpu', threads: 1 });
    const test = await loadData('mnist', 'test');
    const all = firstImages(test);
    const classifier = engineClassifier(engine, model, { classes: 10 });
    const right = (labels: Int32Array) => labels.filter((label, i) => label === all.y[i]).length;
    const natural = predictions(await classifier.logits({ data: all.x, shape: all.shape }), 10);
    const [x, y] = [{ data: all.x.slice(0, 50 * 784), shape: [50, 1, 28, 28] }, all.y.slice(0, 50)];
    const { gradient } = await classifier.gradient('ce', x, y);
    const moved = x.data.map((v, i) => Math.min(1, Math.max(0, v + 0.1 * Math.sign(gradient[i]!))));
    const attacked = predictions(await classifier.logits({ data: moved, shape: x.shape }), 10);
    await engine.close();
    const { evaluation } = record.methods[0]!;
    expect(evaluation!.natural).toEqual({ correct: right(natural), n: 10_000 });
    const broken = y.filter((label, i) => natural[i] === label && attacked[i] !== label).length;
    const standing = right(natural.slice(0, 50)) - broken;
    expect(evaluation!.attacks.fgsm).toMatchObject({ correct: standing, n: 50, rejected: 0 });
    expect(evaluation!.attacks['pgd-100'].correct).toBeLessThanOrEqual(standing);
    expect(checkpoint).toContain('pgd');
  });

  it('tells of every method when it is done, in a record of its schema', () => {
    expect(soFar).toEqual([
      ['done', 'pending'],
      ['done', 'done'],
    ]);
    expect(methodsRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
    const wrong = { ...record, rows: [{ ...record.rows[0], natural: 99 }] };
    expect(methodsRecord.safeParse(wrong).success).toBe(false);
  });

  it('trains nothing a second time, and attacks again only where that is another request', async () => {
    const before = ['pgd', 'free'].map(stateOf);
    const onRecord = vi.fn(async () => {});
    const again = await benchMethods(tiny('pgd,free'), silent({ onRecord }));
    expect(onRecord).not.toHaveBeenCalled();
    expect(again.rows).toEqual(record.rows);
    const more = await benchMethods(tiny('pgd', ['--attacked', '60']), silent({ onRecord }));
    expect(onRecord).toHaveBeenCalledTimes(1);
    expect(more.methods[0]!.evaluation!.attacks.fgsm.n).toBe(60);
    expect(more.methods[0]!.epochs).toEqual(record.methods[0]!.epochs);
    expect(['pgd', 'free'].map(stateOf)).toEqual(before);
  });

  it('shows every row, in the terminal and on the page', () => {
    const text = methodsTable(record);
    const page = renderMethods(record);
    for (const { method, natural, backwards } of record.rows) {
      expect(text).toMatch(new RegExp(`║ ${method} +│ +${(100 * natural!).toFixed(1)} │`));
      expect(page).toContain(`scope="row">${method}<`);
      for (const said of [text, page]) expect(said).toContain(backwards!.toLocaleString('en-US'));
    }
    expect(text).toContain('free: 1 epoch of 2 replays each');
    expect(page).toContain('RAT, MNIST');
    expect(page).toContain('id="figure-passes"');
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });

  it('is interrupted and goes on, with the times of both parts', async () => {
    const stop = new AbortController();
    const progress = {
      ...createProgress({ quiet: true }),
      update: (label: string, done: number) => label.startsWith('natural') && done >= 0.6 && stop.abort(),
    };
    const request = tiny('natural', ['--epochs', '2']);
    await expect(benchMethods(request, silent({ progress, signal: stop.signal }))).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    const dir = join(home, 'runs', 'natural');
    const kept = () => JSON.parse(readFileSync(join(dir, 'bench.json'), 'utf8')).seconds;
    expect(kept()['1']).toHaveLength(5);
    expect(kept()['2']).toHaveLength(1); // the sixth of ten mini-batches
    const [first] = kept()['1'];
    const { methods } = await benchMethods(request, silent());
    expect(methods[0]).toMatchObject({ state: 'done', epochs: [{ timed: 5 }, { timed: 4 }] });
    expect(kept()['1'][0]).toBe(first);
  });

  it('has a method that diverges as a row with the reason, once, and goes on', async () => {
    const failed = await benchMethods(tiny('fast,pgd'), silent());
    expect(failed.methods.map(({ state }) => state)).toEqual(['failed', 'done']);
    expect(failed.methods[0]!.failure).toMatch(/^E_RANGE: the loss is not finite in epoch 1, mini-batch \d/);
    expect(failed.rows[0]).toMatchObject({ natural: null, seconds: null, saving: null });
    expect(failed.rows[1]!.saving).toBe(0);
    const said = methodsTable(failed);
    expect(said).toContain('fast: failed: E_RANGE');
    const onRecord = vi.fn(async () => {});
    const again = await benchMethods(tiny('fast,pgd'), silent({ onRecord }));
    expect(onRecord).not.toHaveBeenCalled();
    expect(again.methods[0]!.failure).toBe(failed.methods[0]!.failure);
  });

  it('refuses a folder in which something else was trained, before any work', async () => {
    const before = stateOf('pgd');
    await expect(benchMethods(tiny('deat,pgd', ['--seed', '1', '--epochs', '2']), silent())).rejects.toThrow(
      /^E_FILE: \S+pgd was trained with epochs 1, seed 0, expected epochs 2, seed 1: name another folder with --out/,
    );
    const missing = benchMethods(tiny('deat', ['--data', 'mnist:/nowhere']), silent());
    await expect(missing).rejects.toThrow(/^E_FILE: /);
    expect(existsSync(join(home, 'runs', 'deat'))).toBe(false);
    expect(stateOf('pgd')).toBe(before);
  });
});

describe('its command', () => {
  it.each([
    ['--methods fgsm', /^E_OPTION: --methods fgsm, expected natural, pgd, /],
    ['--engine torch', /^E_OPTION: --engine torch, expected onnxruntime, tensorflow/],
    ['--epochs 0', /^E_OPTION: --epochs 0, expected a whole number/],
    ['--attacked 1.5', /^E_OPTION: --attacked 1.5/],
    ['--nap', /^E_OPTION: Unknown option '--nap'/],
  ])('refuses %s', (argv, line) => {
    expect(() => parseOptions(argv.split(' '))).toThrow(line);
  });

  it('ends with 2 in one line where the request is wrong', async () => {
    const wrong = [
      [['methods', '--methods', 'pgd,nap'], /^error E_OPTION: --methods nap, expected natural, .*\n$/],
      [
        ['methods', '--rounds', '3'],
        /^error E_OPTION: --rounds for bench methods, expected --methods, .*\n$/,
      ],
    ] as const;
    for (const [args, line] of wrong) {
      const ended = await execute(process.execPath, [program, 'bench', ...args], root);
      expect(ended.stderr).toMatch(line);
      expect(ended.code).toBe(2);
    }
  });

  it('ends with 130 at Ctrl-C, when all is saved', async () => {
    const out = join(home, 'stopped');
    const args = [
      '--methods',
      'natural',
      '--limit',
      '600',
      '--epochs',
      '500',
      '--device',
      'cpu',
      '--out',
      out,
    ];
    const script = join(root, 'benchmarks', 'methods.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data;
    });
    const begun = () => existsSync(join(out, 'natural', 'bench.json'));
    while (!begun() && child.exitCode === null) await setTimeout(50);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([130, null]);
    expect(said).toBe('stopped and saved; the same command goes on from here\n');
    const { seconds } = JSON.parse(readFileSync(join(out, 'natural', 'bench.json'), 'utf8'));
    expect(seconds['1']).toHaveLength(5);
  });
});
