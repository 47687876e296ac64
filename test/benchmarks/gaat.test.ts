import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Ours } from '../../benchmarks/claims/ours.ts';
import { renderClaims } from '../../benchmarks/claims/page.ts';
import { type ClaimsReport, claimsReport } from '../../benchmarks/claims/report.ts';
import { gaatSource } from '../../benchmarks/claims/sources/gaat.ts';
import { ratioText } from '../../benchmarks/claims/text.ts';
import { claimedSavings } from '../../benchmarks/gaat/claimed.ts';
import { coloured } from '../../benchmarks/gaat/digits.ts';
import { parseOptions } from '../../benchmarks/gaat/options.ts';
import { renderGaat } from '../../benchmarks/gaat/page.ts';
import { type GaatRecord, gaatRecord, savingOf } from '../../benchmarks/gaat/record.ts';
import { benchGaat, type GaatControls } from '../../benchmarks/gaat/run.ts';
import { gaatRuns, REACH, TWINS } from '../../benchmarks/gaat/runs.ts';
import { gaatTables, shareText } from '../../benchmarks/gaat/table.ts';
import { keeper } from '../../benchmarks/keep.ts';
import { interleaved } from '../../benchmarks/measure.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { type MethodName, type MethodOptions, methods } from '../../src/train/index.ts';
import { bits } from '../runs/files.ts';
import { stepsOf } from '../train/steps.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'touchstone-gaat-'));
});
afterAll(() => rmSync(home, { recursive: true }));

const RUNS = 'rat-10,gaat,r-fgsm-at-x,gaat-exact-1';
/** 270 images in three mini-batches. */
const tiny = (more: readonly string[] = []) =>
  parseOptions([
    ...[
      '--runs',
      RUNS,
      '--models',
      'none',
      '--eps',
      '0.1',
      '--rounds',
      '3',
      '--limit',
      '300',
      '--epochs',
      '1',
    ],
    ...['--attacked', '10', '--out', home, '--device', 'cpu', '--threads', '1', ...more],
  ]);
const silent = (more: Partial<GaatControls> = {}): GaatControls => ({
  progress: createProgress({ quiet: true }),
  signal: new AbortController().signal,
  ...more,
});
const written = () => RUNS.split(',').map((name) => statSync(join(home, name, 'state.npz')).mtimeMs);

describe('bench gaat', () => {
  let record: GaatRecord;
  beforeAll(async () => {
    record = await benchGaat(tiny(), silent());
  }, 240_000);

  it('trains each run with the backward passes of its listing, and counts what is saved', () => {
    expect(record.runs.map(({ state }) => state)).toEqual(RUNS.split(',').map(() => 'done'));
    for (const { name, backwardsExpected } of record.runs)
      expect(record.rows.find((row) => row.name === name)!.backwardsPerBatch, name).toBe(backwardsExpected);
    const gaat = record.rows.find(({ name }) => name === 'gaat')!;
    expect(gaat.predictedSaving).toBeCloseTo(1 - 2 / 11, 12);
    expect(record.batches.gaat).toHaveLength(3);
    expect(gaat.saving!.median).toBeGreaterThan(0); // two passes against eleven
    expect(gaat.saving!.low).toBeLessThanOrEqual(gaat.saving!.median);
  });

  it('finds runs that the algebra says are one to be one, bit for bit', () => {
    expect(record.twins).toEqual([
      { pair: ['gaat', 'r-fgsm-at-x'], largest: 0 },
      { pair: ['gaat-zero', 'fgsm'], largest: null }, // not among the runs
    ]);
    expect(record.rows.find(({ name }) => name === 'gaat')!.flipRate).toBe(0);
    const losses = (of: string) => record.runs.find(({ name }) => name === of)!.epochs[0]!.loss;
    expect(losses('gaat-exact-1')).not.toBe(losses('gaat'));
  });

  it('looks at its networks after each epoch, and at those that come with Touchstone', () => {
    const subjects = record.looked.map(({ subject, epoch }) => [subject, epoch]);
    expect(subjects).toEqual([
      ['rat-10', 1],
      ['gaat', 1],
      ['mnist-natural', null],
      ['mnist-pgd', null],
      ['mnist-overfitted', null],
    ]);
    const [natural, robust] = ['mnist-natural', 'mnist-pgd'].map(
      (name) => record.looked.find(({ subject }) => subject === name)!.at[0]!,
    );
    expect(natural!.gradientL1).toBeGreaterThan(robust!.gradientL1);
    expect(natural!.pgd.rise).toBeGreaterThan(robust!.pgd.rise);
  });

  it('is a record of its schema, and shows every run in the terminal and on the page', () => {
    expect(gaatRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
    const [text, page] = [gaatTables(record), renderGaat(record)];
    for (const { label, name } of record.runs) {
      expect(text).toContain(`║ ${label} `);
      expect(page).toContain(`scope="row" class="text">${label}<`);
      const row = record.rows.find((r) => r.name === name)!;
      for (const said of [text, page]) expect(said).toContain(row.batchMilliseconds!.toFixed(1));
    }
    expect(text).toContain('GAAT and R+FGSM at x ended with the same weights, bit for bit');
    for (const said of [text, page]) expect(said).toContain('VGGNet-16');
    expect(page).toContain('id="figure-could-flip"');
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });

  it('speaks of claims: its own GAAT and RAT, no other run of theirs, and what was looked at', async () => {
    const folder = join(home, 'records', '2026-01-01-gaat');
    const trainedOn = async (images: number) => {
      await keeper('gaat', { folder })({ ...record, training: { ...record.training, images } });
      return claimsReport([join(home, 'records')]);
    };
    const of = ({ tables }: ClaimsReport, label: string, column: string) =>
      tables
        .flatMap((t) => t.claims)
        .find((j) => j.claim.id === `gaat/table 2/MNIST/Convolutional ReLU/${label}/${column}`)!;
    expect(of(await trainedOn(record.training.images), 'GAAT', 'Nat acc').measured).toBeNull(); // a few images
    const report = await trainedOn(55_000);
    expect(report.records).toHaveLength(1);
    const mnist = (label: string, column: string) => of(report, label, column);
    const { natural, attacks } = record.runs.find(({ name }) => name === 'gaat')!.evaluation!;
    expect(mnist('GAAT', 'Nat acc').measured).toBeCloseTo((100 * natural.correct) / natural.n, 10);
    expect(mnist('GAAT', 'Adv acc').measured).toBeCloseTo((100 * attacks['pgd-100'].correct) / 10, 10);
    expect(mnist('RAT', 'Adv acc').evidence!.record).toContain('2026-01-01-gaat');
    // The paper's T is 100 on MNIST: ten steps are another setting.
    const saved = mnist('GAAT', 'Time saved');
    const middle = (name: string) => [...record.batches[name]!].sort((a, b) => a - b)[1]!;
    expect(saved).toMatchObject({ measured: null, verdict: 'not testable here' });
    expect(saved.elsewhere).toEqual({
      value: ratioText(middle('gaat') / middle('rat-10')),
      about: 'mnist-cnn, MNIST, T = 10',
    });
    const page = renderClaims(report);
    expect(page).toContain('GAAT and R+FGSM at x ended with the same weights, bit for bit');
    expect(page).toMatch(/<h2 id="lens">/);
    expect(page).not.toMatch(/undefined|NaN/);
    expect(renderClaims({ ...report, lenses: [] })).toContain('touchstone bench gaat --epochs 5 --save gaat');
  });

  it('gives a ratio in the setting that it has: mini-batches in turn, or its runs where none were timed', () => {
    const times = (r: GaatRecord) => gaatSource.read(r, 'x.json').times[0]!;
    const ours = (method: MethodName): Ours => ({
      ...{ method, model: 'mnist-cnn', data: 'MNIST', epsilon: 0.1, batchSize: 128, epochs: 4, steps: 10 },
      ...{ replays: 8, every: 3, naturalShare: 0.5, rivals: 0, endsEarly: false },
    });
    const middle = [...record.batches.gaat!].sort((a, b) => a - b)[1]!;
    expect(times(record).seconds(ours('gaat'))).toBeCloseTo((4 * 3 * middle) / 1000, 10);
    const [epoch] = record.runs.find(({ name }) => name === 'gaat')!.epochs;
    expect(times({ ...record, batches: {} }).seconds(ours('gaat'))).toBeCloseTo(
      4 * 3 * epoch!.medianSeconds!,
      10,
    );
    for (const other of [
      { steps: 7 },
      { model: 'conv4' },
      { data: 'CIFAR-10' },
      { endsEarly: true },
    ] as const)
      expect(times(record).seconds({ ...ours('gaat'), ...other })).toBeNull();
    expect(times(record).seconds(ours('fast'))).toBeNull(); // not among the runs
  });

  it('trains, attacks and looks at nothing a second time', async () => {
    const before = written();
    const again = await benchGaat(tiny(), silent());
    expect(written()).toEqual(before);
    expect(again.runs).toEqual(record.runs);
    expect(again.looked).toEqual(record.looked);
    expect(again.batches).not.toEqual(record.batches); // timed anew
  }, 240_000);

  it('stops at the signal, and refuses a folder with other runs', async () => {
    const stop = new AbortController();
    stop.abort();
    const onRecord = vi.fn(async () => {});
    const request = tiny(['--out', join(home, 'stopped'), '--runs', 'gaat']);
    await expect(benchGaat(request, silent({ signal: stop.signal, onRecord }))).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    expect(onRecord).not.toHaveBeenCalled();
    await expect(benchGaat(tiny(['--seed', '1']), silent())).rejects.toThrow(
      /^E_FILE: \S+rat-10 was trained with seed 0, expected seed 1/,
    );
  });
});

describe('its parts', () => {
  it('reach as far in every run: T·α', () => {
    for (const { name, options } of gaatRuns)
      expect((options.steps! * options.stepSize!) / 0.1, name).toBeCloseTo(REACH, 12);
  });

  it('take the passes of their listings, and pairs of them the same step, bit for bit', async () => {
    const engine = onnxruntimeEngine({ threads: 1 });
    const found = new Map<string, Awaited<ReturnType<typeof stepsOf>>>();
    for (const { name, options } of gaatRuns) {
      const { method: of, steps, stepSize, ...more } = options;
      const given = { steps: steps!, stepSize: stepSize!, options: more as Partial<MethodOptions> };
      found.set(name, await stepsOf(engine, methods[of as MethodName], given));
    }
    await engine.close();
    for (const { name, backwards } of gaatRuns)
      expect(found.get(name)!.passes.backward, name).toBe(backwards);
    for (const [a, b] of TWINS)
      expect(bits(found.get(a)!.parameters)).toEqual(bits(found.get(b)!.parameters));
    expect(bits(found.get('gaat')!.parameters)).not.toEqual(bits(found.get('fgsm')!.parameters));
  });

  it('have the paper’s savings beside what its listings say', () => {
    const of = (data: string, model: string) =>
      claimedSavings().find((c) => c.data === data && c.model === model)!;
    expect(of('CIFAR-10', 'VGGNet-16')).toMatchObject({ claimed: 0.4632, steps: 10, method: 'gaat' });
    expect(of('CIFAR-10', 'VGGNet-16').byPasses).toBeCloseTo(1 - 2 / 11, 12);
    expect(of('MNIST', 'Convolutional ReLU')).toMatchObject({ claimed: 0.125, steps: 100 });
    expect(of('MNIST', 'Convolutional ReLU').byPasses).toBeCloseTo(1 - 2 / 101, 12);
    expect(claimedSavings()).toHaveLength(7);
  });

  it('compare round by round: a load on both is in neither’s saving', () => {
    const rat = [100, 1000, 100, 300];
    expect(savingOf([20, 200, 20, 60], rat)).toEqual({ median: 0.8, low: 0.8, high: 0.8 });
    expect(savingOf([50, 200, 20, 150], rat).median).toBeCloseTo(0.65, 12);
  });

  it('run in another order in each round, each once', async () => {
    const seen: string[] = [];
    const work = Object.fromEntries([...'abcd'].map((name) => [name, async () => seen.push(name)] as const));
    await interleaved(5, work, { shuffle: true, warmUpBelow: 0 });
    const rounds = Array.from({ length: 6 }, (_, r) => seen.slice(4 * r, 4 * r + 4).join(''));
    for (const round of rounds) expect([...round].sort().join('')).toBe('abcd');
    expect(new Set(rounds).size).toBeGreaterThan(2);
  });

  it('frame digits: in the middle, in every channel', () => {
    const images = Uint8Array.from({ length: 2 * 784 }, (_, i) => 1 + (i % 250));
    const out = coloured(images, 28, 28);
    expect(out).toHaveLength(2 * 3 * 32 * 32);
    for (const [n, c, row, column] of [
      [0, 0, 0, 0],
      [0, 2, 13, 27],
      [1, 1, 27, 5],
    ] as const)
      expect(out[((n * 3 + c) * 32 + row + 2) * 32 + column + 2]).toBe(images[n * 784 + row * 28 + column]);
    const sum = (of: Uint8Array) => of.reduce((a, b) => a + b, 0);
    expect(sum(out)).toBe(3 * sum(images)); // black around
  });

  it('write small shares with their digits', () => {
    expect([0, 0.00002, 0.0123, 0.5].map(shareText)).toEqual(['0', '0.002', '1.2', '50.0']);
  });

  it.each([
    ['--runs gat', /^E_OPTION: --runs gat, expected rat-10, gaat, /],
    ['--models mnist-cnn', /^E_OPTION: --models mnist-cnn, expected resnet18, /],
    ['--eps 8', /^E_OPTION: --eps 8, expected at most 1/],
    ['--attacked 0', /^E_OPTION: --attacked 0/],
  ])('refuse %s', (argv, line) => {
    expect(() => parseOptions(argv.split(' '))).toThrow(line);
  });
});
