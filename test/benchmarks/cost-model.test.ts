/** The cost model against what was worked out by hand, and against the papers' counts of passes. */
import { describe, expect, it } from 'vitest';
import { randomImages, recipeOf } from '../../benchmarks/phases/bed.ts';
import {
  batchTime,
  isTold,
  projectSeconds,
  type Told,
  termsOf,
  toldBy,
  type Work,
  workName,
  worksOf,
} from '../../benchmarks/phases/cost-model.ts';
import { projectionsOf, timesOf } from '../../benchmarks/phases/projections.ts';
import type { Measured } from '../../benchmarks/phases/record.ts';
import type { PhaseName } from '../../benchmarks/phases/registry.ts';
import type { RunOptions } from '../../src/runs/train-run.ts';
import { type EpochRecord, type MethodName, methods } from '../../src/train/index.ts';

const data = randomImages('mnist-cnn', 600);
const recipe = (method: MethodName, more: RunOptions = {}) =>
  recipeOf(method, data, { model: 'mnist-cnn', batchSize: 128, epochs: 1, validation: 0, ...more });
const names = Object.keys(methods) as MethodName[];

/** As if each phase took these milliseconds; a step of T, a tenth of them. */
const MILLISECONDS: Readonly<Partial<Record<PhaseName, number>>> = {
  batch: 0.5,
  augment: 0.25,
  update: 10,
  'RAT line 4': 1,
  'RAT lines 5-8': 70,
  'GAAT lines 4-10': 8,
  'DEAT line 4': 2,
  'DEAT lines 6-9': 13,
  'DEAT Alg. 4, lines 8-12': 7.5,
  'TRADES line 5': 4,
  'TRADES line 6': 3,
  'TRADES lines 6-8': 80,
  'TRADES line 10': 21,
  MART: 23,
  'eFGSM eqs. 11, 14': 5,
  'eFGSM eq. 12, Δ': 60,
  'eFGSM eq. 12, x_adv': 1.5,
  'eFGSM eq. 13': 0.75,
  'eFGSM eq. 16': 100,
};
const times = ({ phase, steps = 10 }: Work): number => (MILLISECONDS[phase]! * steps) / 10;

describe('a mini-batch is the sum of its phases, by hand', () => {
  it.each<[MethodName, Told, number]>([
    ['natural', {}, 0.5 + 10],
    ['pgd', {}, 0.5 + 1 + 70 + 10],
    ['gaat', {}, 0.5 + 1 + 8 + 10],
    ['free', {}, 0.5 + 2 * 13], // m = 2
    ['fast', {}, 0.5 + 1 + 7.5 + 10],
    ['deat', {}, 0.5 + 2 + 13], // in its first epoch
    ['m-deat', { r: 3 }, 0.5 + 2 + 3 * 13],
    ['trades', {}, 0.5 + 4 + 3 + 80 + 21],
    ['mart', {}, 0.5 + 4 + 70 + 23],
    ['m-pgd', { r: 1 }, 0.5 + 1 + 7.5 + 10],
    ['m-pgd', { r: 4 }, 0.5 + 1 + 21 + 7.5 + 10],
    ['m-trades', { r: 3 }, 0.5 + 4 + 3 + 16 + 7.5 + 21],
    ['m-mart', { r: 2 }, 0.5 + 4 + 7 + 7.5 + 23],
    ['efgsm', {}, 0.5 + 5 + 60 + 1.5 + 0.75 + 10],
    ['efgsm+reconstructor', {}, 0.5 + 5 + 60 + 1.5 + 0.75 + 100],
    ['efgsm+trades', {}, 0.5 + 5 + 60 + 1.5 + 0.75 + 21],
  ])('%s, %o', (method, told, expected) => {
    expect(batchTime(termsOf(recipe(method), 1, told), times)).toBeCloseTo(expected, 10);
  });

  it('a friendly step costs a + b·(its share): c calls over i mini-batches of images, c·a + i·b', () => {
    const [a, b] = [2, 9];
    const friendlyTimes = (work: Work) =>
      work.phase === 'FAT' ? (work.steps ?? 1) * (a + b * (work.share ?? 1)) : times(work);
    for (const [calls, images] of [
      [5, 5],
      [5, 1.25],
      [5, 3.1],
      [4, 0.4],
    ] as const) {
      const sum = batchTime(termsOf(recipe('fat'), 1, { calls, images }), friendlyTimes);
      expect(sum).toBeCloseTo(0.5 + 1 + calls * a + images * b + 10, 10);
    }
  });

  it('a method is timed with its own settings, where these have a bearing', () => {
    const phasesOf = (method: MethodName, told: Told = {}) =>
      worksOf([termsOf(recipe(method), 1, told)]).map(workName);
    expect(phasesOf('pgd')).toEqual(['batch', 'RAT line 4', 'RAT lines 5-8, T = 10', 'update']);
    expect(phasesOf('dat', {})).toEqual(['batch', 'update']); // natural at first
    expect(phasesOf('m-trades', { r: 3 })).toContain('DEAT Alg. 4, lines 8-12, as m-trades');
    expect(phasesOf('f-mart', { calls: 4, images: 2 })).toEqual(
      expect.arrayContaining(['FAT, as f-mart, T = 10, on 87.5 %', 'FAT, as f-mart, T = 10, on 25 %']),
    );
    expect(phasesOf('efgsm')).toContain('update, as efgsm'); // smoothed labels
    expect(phasesOf('efgsm+trades')).toContain('TRADES line 10, as efgsm+trades');
  });

  it('with augmentation, once, or twice where pixels are tracked', () => {
    const count = (method: MethodName) =>
      termsOf(recipe(method, { augment: true }), 1).find((t) => t.phase === 'augment')?.count;
    expect([count('pgd'), count('efgsm')]).toEqual([1, 2]);
    expect(termsOf(recipe('pgd'), 1).map((t) => t.phase)).not.toContain('augment');
  });

  it('counts that are not told are asked for', () => {
    for (const method of ['m-pgd', 'fat', 'm-deat'] as const) {
      expect(isTold(recipe(method))).toBe(true);
      expect(() => termsOf(recipe(method), 1)).toThrow(/is not told/);
    }
    expect(isTold(recipe('deat', { every: 0 }))).toBe(true);
    expect(names.filter((method) => isTold(recipe(method)))).toHaveLength(7);
  });
});

/** Backward and forward passes of each phase, as the papers' listings have them. */
const PASSES: Readonly<Record<PhaseName, (steps: number, rivals: number) => readonly [number, number]>> = {
  batch: () => [0, 0],
  augment: () => [0, 0],
  forward: () => [0, 1],
  update: () => [1, 1],
  'RAT line 4': () => [0, 0],
  'RAT lines 6-7': () => [1, 1],
  'RAT lines 5-8': (T) => [T, T],
  'GAAT lines 4-6': () => [1, 1],
  'GAAT lines 8-9': () => [0, 0],
  'GAAT lines 4-10': () => [1, 1],
  'GAAT eq. 10': () => [2, 1],
  'GAAT eq. 5': () => [2, 1],
  'DEAT line 4': () => [0, 0],
  'DEAT lines 6-9': () => [1, 1],
  'DEAT Alg. 4, lines 8-12': () => [1, 1],
  'TRADES line 5': () => [0, 0],
  'TRADES line 6': () => [0, 1],
  'TRADES lines 6-8': (T) => [T, T],
  'TRADES line 10': () => [1, 1],
  MART: () => [1, 1],
  FAT: (T) => [T, T],
  'eFGSM eqs. 11, 14': () => [0, 0],
  'eFGSM eq. 12, Δ': (_, rivals) => [rivals, rivals],
  'eFGSM eq. 12, x_adv': () => [0, 0],
  'eFGSM eq. 13': () => [0, 0],
  'eFGSM eq. 16': () => [1, 1],
};

describe('the passes of the phases add up to those that the papers count', () => {
  const T = 10;
  const told: Told = { r: 3, calls: 4, images: 2.5 };
  const [r, c] = [told.r!, told.calls!];
  // #BP and forward passes per mini-batch: as in test/train/costs.test.ts.
  const papers: Readonly<Record<MethodName, readonly [number, number]>> = {
    natural: [1, 1],
    pgd: [T + 1, T + 1],
    gaat: [2, 2],
    free: [2, 2], // m
    fast: [2, 2],
    deat: [7, 7], // in the seventh epoch, with d = 1
    'm-deat': [r, r],
    dat: [T + 1, T + 1],
    'dat+gaat': [2, 2],
    trades: [T + 1, T + 2],
    mart: [T + 1, T + 1],
    'm-pgd': [r + 1, r + 1],
    'm-trades': [r + 1, r + 2],
    'm-mart': [r + 1, r + 1],
    fat: [c + 1, c + 1],
    'f-trades': [c + 1, c + 2],
    'f-mart': [c + 1, c + 1],
    efgsm: [10, 10], // K
    'efgsm+reconstructor': [2, 2], // with one rival
    'efgsm+trades': [2, 2],
  };
  const rivalsOf = ({ as }: Work) => (as === 'efgsm' ? 9 : 1);

  it.each(names)('%s', (method) => {
    const terms = termsOf(recipe(method, { epochs: 8 }), 7, told);
    const sum = (which: 0 | 1) =>
      batchTime(terms, (work) => PASSES[work.phase](work.steps ?? T, rivalsOf(work))[which]);
    expect(sum(0)).toBeCloseTo(papers[method][0], 10);
    expect(sum(1)).toBeCloseTo(papers[method][1], 10);
  });
});

describe('a run', () => {
  it('is its mini-batches, epoch by epoch, the last one by its share: by hand', () => {
    // 600 images: 4.6875 mini-batches of 128
    const seconds = (method: MethodName, epochs: number, told?: Told[]) =>
      projectSeconds(recipe(method, { epochs }), 600, times, told);
    expect(seconds('natural', 3)).toBeCloseTo((4.6875 * 3 * 10.5) / 1000, 12);
    // Natural for half of the epochs, rounded: 3 of 5
    expect(seconds('dat', 5)).toBeCloseTo((4.6875 * (3 * 10.5 + 2 * 81.5)) / 1000, 12);
    // DEAT with d = 1: 1, 2, 3 replays
    expect(seconds('deat', 3)).toBeCloseTo((4.6875 * (3 * 2.5 + 6 * 13)) / 1000, 12);
    expect(seconds('m-deat', 2, [{ r: 1 }, { r: 2 }])).toBeCloseTo((4.6875 * (2 * 2.5 + 3 * 13)) / 1000, 12);
    // free: an allowance of 4 epochs is 2 of m = 2 replays
    expect(seconds('free', 4)).toBeCloseTo((4.6875 * 2 * 26.5) / 1000, 12);
  });

  it('tells of its epochs what the data decided', () => {
    const epoch = (more: Partial<EpochRecord>) =>
      ({ batches: 5, replays: null, attackSteps: null, ...more }) as EpochRecord;
    expect(toldBy('m-deat', epoch({ replays: 4 }), 600)).toEqual({ r: 4 });
    expect(toldBy('m-pgd', epoch({ attackSteps: 3 }), 600)).toEqual({ r: 3 });
    // Each mini-batch: one pass of the update, and of f-trades one of f(x); the others are the attack's.
    const passes = { forwardPasses: 25, forwards: 600 * 3.5 };
    expect(toldBy('fat', epoch(passes), 600)).toEqual({ calls: 4, images: 2.5 });
    expect(toldBy('f-trades', epoch(passes), 600)).toEqual({ calls: 3, images: 1.5 });
  });
});

describe('projections', () => {
  const measured = (work: Pick<Work, 'phase' | 'as' | 'steps'>): Measured => ({
    ...{ model: 'mnist-cnn', batch: 128, engine: 'onnxruntime', device: 'cpu', ...work },
    ...{
      about: '',
      source: 'a.ts:1',
      methods: [],
      warmUp: 2,
      n: 1,
      mean: 99,
      sd: 0,
      forward: 0,
      backward: 0,
    },
    p50: times(work),
    samples: [times(work)],
  });
  const beds = { recipe: (method: MethodName, epochs = 1) => recipe(method, { epochs }) };
  const works: Work[] = [
    ...worksOf((['natural', 'pgd', 'gaat'] as const).map((method) => termsOf(recipe(method), 1))),
  ];

  it('are of 200 epochs of 60,000 images, marked, and compared with RAT', () => {
    const rows = works.map(measured);
    const found = projectionsOf(['natural', 'pgd', 'gaat', 'dat', 'deat', 'm-pgd'], rows, beds);
    const minutes = (ms: number) => (ms * 200 * (60_000 / 128)) / 60_000;
    expect(found.map((p) => [p.method, p.projected])).toEqual([
      ['natural', true],
      ['pgd', true],
      ['gaat', true],
      ['dat', true],
    ]);
    const [natural, rat, gaat, dat] = found;
    expect(natural!.minutes).toBeCloseTo(minutes(10.5), 8);
    expect(natural!.saving).toBeNull();
    expect(rat!.minutes).toBeCloseTo(minutes(81.5), 8);
    expect(gaat!.batchMilliseconds).toBeCloseTo(19.5, 10);
    expect(gaat!.saving).toBeCloseTo(1 - 19.5 / 81.5, 10);
    expect(dat!.minutes).toBeCloseTo(minutes((10.5 + 81.5) / 2), 8);
    expect(dat!.batchMilliseconds).toBeCloseTo(81.5, 10);
  });

  it('leave out what was not timed, and compare with nothing where RAT was not', () => {
    const rows = works.filter(({ phase }) => phase !== 'RAT lines 5-8').map(measured);
    const found = projectionsOf(['pgd', 'gaat'], rows, beds);
    expect(found.map((p) => [p.method, p.saving])).toEqual([['gaat', null]]);
    expect(() => timesOf(rows)({ phase: 'MART', as: 'mart' }, 1)).toThrow('MART was not timed');
  });
});
