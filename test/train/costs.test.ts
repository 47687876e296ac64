/**
 * What every method costs, in forward and backward passes, counted by the engine over whole epochs: against the papers'
 * formulas, or, where the data decide, against a run by hand (by-hand.ts).
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { key } from '../../src/random/index.ts';
import {
  type EpochRecord,
  type MethodName,
  type MethodOptions,
  methods,
  type TrainOptions,
  type TrainSettings,
} from '../../src/train/index.ts';
import { adaptive, byHand, friendly, magnitude, type Passes, type Rule, replayed } from './by-hand.ts';
import { linearModel } from './linear.ts';
import { IMAGES, CLASSES as K, BATCHES as M, recordsOf, toyRun } from './toy.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

/** What a formula reads. */
interface Told extends MethodOptions {
  readonly T: number;
}
/** Backward and forward passes per mini-batch in epoch t, from 1, of those that are not natural. */
type Formula = (told: Told, t: number) => readonly [backward: number, forward: number];

const once = (passes: number) => [passes, passes] as const;

/** All that is not said otherwise is #BP as in each paper's listing; a gradient comes with its forward pass. */
const formulas = {
  natural: () => once(1),
  // Gong, arXiv:2309.09464, Alg. 1: T gradients (l. 6), one update (l. 10).
  pgd: ({ T }) => once(T + 1),
  // Alg. 2: J (l. 4), one update (l. 12).
  gaat({ T, hessian, surrogate, probes }) {
    // DeepFool looks at the label's boundaries with nine rivals at most: arXiv:1511.04599, §3 ("10 classes").
    if (surrogate === 'deepfool') return once(Math.min(9, K - 1) + 1);
    // Eq. (5) with the true H: a product with H at each step; that at the start shares its forward pass with J.
    if (hessian === 'exact') return [1 + T + 1, T + 1];
    // Eq. (10), for which the paper gives neither a way nor a cost: a product with H per probe, the first beside J.
    if (hessian === 'diagonal') return [1 + probes + 1, probes + 1];
    return once(2); // eq. (8): H = JᵀJ
  },
  // Capaldi, Capozzi, Free vs Fast, Alg. 2, l. 5–12: m replays, a pass each.
  free: ({ replays }) => once(replays),
  // Wang et al., DEAT, Alg. 5, l. 5 and 7.
  fast: () => once(2),
  // DEAT, Alg. 1, l. 5–10, 12–14: r replays, one more every d epochs.
  deat: ({ every: d }, t) => once(Math.ceil(t / d)),
  // arXiv:1901.08573, Alg. 1, l. 6–10: T gradients, one update; f(x) is known before the first.
  trades: ({ T }) => [T + 1, T + 2],
  // Wang et al., ICLR 2020, Alg. 1.
  mart: ({ T }) => once(T + 1),
  // Chen, Lee, ACCV 2020, eq. (12): the minimum over i ≠ t, a gradient each; one update.
  efgsm: ({ rivals }) => once((rivals === 0 ? K - 1 : Math.min(rivals, K - 1)) + 1),
} as const satisfies Partial<Record<MethodName, Formula>>;

/** Each method's formula, or its listing by hand. */
const costs: Readonly<Record<MethodName, { formula: Formula } | { listing: Rule }>> = {
  natural: { formula: formulas.natural },
  pgd: { formula: formulas.pgd },
  gaat: { formula: formulas.gaat },
  free: { formula: formulas.free },
  fast: { formula: formulas.fast },
  deat: { formula: formulas.deat },
  'm-deat': { listing: replayed('magnitude') },
  dat: { formula: formulas.pgd },
  'dat+gaat': { formula: formulas.gaat },
  trades: { formula: formulas.trades },
  mart: { formula: formulas.mart },
  'm-pgd': { listing: magnitude('pgd') },
  'm-trades': { listing: magnitude('trades') },
  'm-mart': { listing: magnitude('mart') },
  fat: { listing: friendly('pgd') },
  'f-trades': { listing: friendly('trades') },
  'f-mart': { listing: friendly('mart') },
  efgsm: { formula: formulas.efgsm },
  'efgsm+reconstructor': { formula: formulas.efgsm },
  'efgsm+trades': { formula: formulas.efgsm },
};

interface Setting extends Partial<MethodOptions> {
  readonly T?: number;
  readonly epochs?: number;
  readonly stepSize?: number;
  readonly schedule?: TrainSettings['schedule'];
}

const steps: readonly Setting[] = [{ T: 1 }, { T: 4 }, { T: 7, start: 'zero' }];
const share: readonly Setting[] = [
  { epochs: 4 },
  { epochs: 4, naturalShare: 0.25, T: 1 },
  { naturalShare: 0 },
];
const rivals: readonly Setting[] = [{ rivals: 0 }, { rivals: 1 }, { rivals: 2 }, { rivals: 9, T: 7 }];
const gaat: readonly Setting[] = [
  { hessian: 'gauss-newton', T: 7 },
  { hessian: 'none', T: 7 },
  { hessian: 'diagonal', T: 7 },
  { hessian: 'diagonal', probes: 3 },
  { hessian: 'exact', T: 7 },
  { hessian: 'exact', T: 1 },
  { surrogate: 'margin', T: 7 },
  { surrogate: 'margin', hessian: 'exact', T: 7 },
  { surrogate: 'deepfool', T: 7 },
];
const patience: readonly Setting[] = [
  { T: 6, patience: 0 },
  { T: 6, patience: 1 },
  { T: 6, patience: 6 },
  { T: 1, patience: 3 },
];
/** With a rate that turns round, so that the magnitude rises. */
const growth: readonly Setting[] = [1, 1.01, 1.2].map((gamma) => ({
  growth: gamma,
  epochs: 8,
  T: 4,
  schedule: (epoch) => (epoch < 2 ? 0.05 : -0.02),
}));

/** The settings that each method is run with, beside its defaults. */
const settings: Readonly<Record<MethodName, readonly Setting[]>> = {
  natural: [{}, { T: 7, smoothing: 0.1 }],
  pgd: steps,
  gaat,
  free: [{ replays: 1 }, { replays: 3 }, { replays: 8, T: 7 }],
  fast: [{}, { T: 7, start: 'zero' }],
  deat: [
    { every: 2, epochs: 6 },
    { every: 3, epochs: 9 },
    { every: 1, epochs: 4, T: 7 },
    { every: 4, epochs: 6 },
  ],
  'm-deat': growth,
  dat: [...share, ...steps],
  'dat+gaat': [...share, ...gaat],
  trades: steps,
  mart: steps,
  'm-pgd': growth,
  'm-trades': growth,
  'm-mart': growth,
  fat: patience,
  'f-trades': patience,
  'f-mart': patience,
  efgsm: rivals,
  'efgsm+reconstructor': rivals,
  'efgsm+trades': rivals,
};

function runOf(
  name: MethodName,
  { T = 4, epochs = 2, stepSize, schedule, ...options }: Setting,
): TrainOptions {
  const given = { epochs, steps: T, ...(stepSize && { stepSize }), ...(schedule && { schedule }) };
  return toyRun(engine, name, options, given);
}

const passesOf = (history: readonly EpochRecord[]): Passes[] =>
  history.map(({ forwardPasses, backwardPasses, forwards, backwards }) => ({
    forwardPasses,
    backwardPasses,
    forwards,
    backwards,
  }));

/** Backward and forward passes per mini-batch of each epoch: natural ones at first (DAT: Gong, §5.3), then the method's. */
function perBatch({ settings: { epochs, steps: T, options } }: TrainOptions, formula: Formula) {
  const natural = Math.round(options.naturalShare * epochs);
  return Array.from({ length: epochs }, (_, i) =>
    i < natural ? once(1) : formula({ ...options, T }, i + 1 - natural),
  );
}

const expected = (run: TrainOptions, cost: (typeof costs)[MethodName]): Passes[] =>
  'listing' in cost
    ? byHand(run, cost.listing)
    : perBatch(run, cost.formula).map(([backward, forward]) => ({
        forwardPasses: forward * M,
        backwardPasses: backward * M,
        forwards: forward * IMAGES,
        backwards: backward * IMAGES,
      }));

const names = Object.keys(methods) as MethodName[];

it('every method has a cost, and settings to count it with', () => {
  expect(Object.keys(costs).sort()).toEqual([...names].sort());
  for (const name of names) expect(settings[name]?.length, name).toBeGreaterThan(1);
});

describe('passes of an epoch', () => {
  const cases = names.flatMap((name) => (settings[name] ?? []).map((setting) => [name, setting] as const));

  it.each(cases)('%s, %o', async (name, setting) => {
    const run = runOf(name, setting);
    const history = await recordsOf(run);
    expect(passesOf(history)).toEqual(expected(run, costs[name]));
    for (const { backwardPasses, backwardsPerBatch } of history)
      expect(backwardsPerBatch).toBe(backwardPasses / M);
  });

  it.each(names)('%s with half of the epochs natural', async (name) => {
    const run = runOf(name, { every: 1, epochs: 4, naturalShare: 0.5 });
    const history = await recordsOf(run);
    expect(passesOf(history)).toEqual(expected(run, costs[name]));
    expect(history.map((e) => e.backwardsPerBatch).slice(0, 2)).toEqual([1, 1]);
  });
});

describe('what a record says of its own cost', () => {
  it.each(names)('%s', async (name) => {
    const [record] = await recordsOf(runOf(name, { naturalShare: 0, every: 1, patience: 4 }));
    const { attackSteps, replays, backwardsPerBatch } = record!;
    expect(attackSteps ?? (replays === null ? 0 : replays - 1)).toBe(backwardsPerBatch - 1);
  });
});

describe('over a whole run', () => {
  const total = (history: readonly EpochRecord[]) => history.reduce((sum, e) => sum + e.backwardPasses, 0);

  it.each([
    [6, 2],
    [9, 3],
    [4, 1],
    [6, 6],
  ])('deat over T = %i epochs with d = %i takes T(T + d)/2d · M: DEAT, §4.1', async (T, d) => {
    const history = await recordsOf(runOf('deat', { every: d, epochs: T }));
    expect(total(history)).toBe(((T * (T + d)) / (2 * d)) * M);
    expect(history.map((e) => e.replays)).toEqual(history.map((e) => Math.ceil(e.epoch / d)));
  });

  it.each([
    [8, 4],
    [6, 1],
    [10, 4],
  ])(
    'free pays with an allowance of N = %i epochs for ⌈N/m⌉ of m = %i replays: Alg. 2, l. 3',
    async (N, m) => {
      const run = runOf('free', { replays: m });
      const epochs = methods.free.epochs!(N, run.settings.options);
      expect(total(await recordsOf(runOf('free', { replays: m, epochs })))).toBe(Math.ceil(N / m) * m * M);
    },
  );

  it('deepfool looks at nine rivals at most', async () => {
    const run = runOf('gaat', { surrogate: 'deepfool', epochs: 1 });
    const model = linearModel(key(14), 14);
    const [record] = await recordsOf({ ...run, model, settings: { ...run.settings, classes: 14 } });
    expect(record).toMatchObject({ backwardsPerBatch: 10, forwardPasses: 10 * M });
  });
});

describe('where the data decide', () => {
  it('deat adds a replay after each epoch whose train accuracy is above the threshold: DEAT, §4.1', async () => {
    // Learns, then, descending the other way, forgets.
    const schedule = (epoch: number) => (epoch < 3 ? 0.3 : -0.3);
    const run = runOf('deat', { every: 0, threshold: 0.5, epochs: 6, stepSize: 0.125, schedule });
    const history = await recordsOf(run);
    expect(passesOf(history)).toEqual(byHand(run, replayed('accuracy')));
    const [first, last] = [history[0]!.replays!, history.at(-1)!.replays!];
    expect(first).toBe(1);
    expect(last).toBeGreaterThan(2);
    expect(last).toBeLessThan(6); // some epochs were above, some were not
  });

  it.each(['m-deat', 'm-pgd', 'm-trades', 'm-mart'] as const)(
    '%s: the steps grow, with γ less so',
    async (name) => {
      const last = async (setting: Setting) => {
        const { replays, attackSteps } = (await recordsOf(runOf(name, setting))).at(-1)!;
        return (replays ?? attackSteps)!;
      };
      const [low, high] = [await last(growth[0]!), await last(growth.at(-1)!)];
      expect(low).toBeGreaterThan(2);
      expect(high).toBeLessThan(low);
      if (name !== 'm-deat') expect(await last({ ...growth[0]!, T: 2 })).toBe(2);
    },
  );

  it.each(['fat', 'f-trades', 'f-mart'] as const)(
    '%s: fewer passes than its base method, fewer still over images',
    async (name) => {
      const [, last] = await recordsOf(runOf(name, { T: 6, patience: 0 }));
      expect(last!.backwardPasses).toBeLessThanOrEqual(7 * M);
      expect(last!.backwards / IMAGES).toBeLessThan(last!.backwardsPerBatch);
      expect(last!.backwards).toBeGreaterThan(2 * IMAGES);
    },
  );

  it.each([
    ['always', 0.0000001],
    ['at first', 0.01],
    ['never', 1e9],
  ])('gaat --adaptive takes exact gradients %s', async (which, residualLimit) => {
    // R falls as the model learns.
    const run = runOf('gaat', { start: 'random', residualLimit, epochs: 4 });
    const history = await recordsOf(run);
    expect(passesOf(history)).toEqual(byHand(run, adaptive));
    const shares = history.map((e) => e.exactShare!);
    if (which === 'at first') expect(new Set(shares).size).toBeGreaterThan(1);
    else expect(shares).toEqual([1, 1, 1, 1].map((all) => (which === 'always' ? all : 0)));
  });
});
