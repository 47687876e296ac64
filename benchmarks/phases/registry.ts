/**
 * How each phase of training is timed: by calling the function that trains, on a mini-batch.
 *
 * An entry per `@phase` tag of the sources (tags.ts); a test holds that each calls what its tag stands on.
 */
import { augment, batch, type DataSet } from '../../src/data/index.ts';
import type { Adversary } from '../../src/train/adversary.ts';
import { curvatures } from '../../src/train/curvature.ts';
import { initialDelta } from '../../src/train/deat.ts';
import * as efgsm from '../../src/train/efgsm.ts';
import { friendlyStep } from '../../src/train/friendly.ts';
import { expand, gaatPerturb, gaatSteps } from '../../src/train/gaat.ts';
import type { MethodName, StepArguments } from '../../src/train/index.ts';
import { measuredStep } from '../../src/train/magnitude.ts';
import { martAdversary } from '../../src/train/mart.ts';
import { pgdAdversary, pgdPerturb, pgdSteps, start } from '../../src/train/pgd.ts';
import { replay } from '../../src/train/replay.ts';
import { nearby, tradesAdversary } from '../../src/train/trades.ts';

/** What a phase is given. */
export interface Given {
  /** A mini-batch, as the method gets it. */
  readonly args: StepArguments;
  readonly method: MethodName;
  /** Where the mini-batch is from. */
  readonly data: DataSet;
  /** The share of it that is still attacked, where that changes. */
  readonly share: number;
  /** How often in a row, where each time is on fewer samples. */
  readonly times: number;
}

interface Spec<Ready> {
  /** With whose settings, where no other method is named. */
  readonly as: MethodName;
  /** Whether an update goes before it in training, so that what an engine keeps of the weights is stale. @default false */
  readonly afterUpdate?: boolean;
  /** What it begins with, which is not of the phase. */
  readonly ready: (given: Given) => Ready | Promise<Ready>;
  /** What is timed, over and over. */
  readonly run: (given: Given, ready: Ready) => unknown;
}

export interface PhaseSpec extends Pick<Spec<never>, 'as' | 'afterUpdate'> {
  begin(given: Given): Promise<() => unknown>;
}

const phase = <Ready>({ ready, run, ...rest }: Spec<Ready>): PhaseSpec => ({
  ...rest,
  async begin(given) {
    const made = await ready(given);
    return () => run(given, made);
  },
});

const nothing = () => undefined;
const delta0 = ({ args }: Given): Float32Array => start(args);
const imagesAt = ({ x }: StepArguments, data: Float32Array) => ({ data, shape: x.shape });

/** `m-trades` and `f-trades` have the adversary of `trades`. */
function adversaryOf(method: MethodName): Adversary {
  if (method.endsWith('trades')) return tradesAdversary;
  return method.endsWith('mart') ? martAdversary : pgdAdversary;
}

/** x′ where the adversary starts, and the loss that it ascends. */
const adversarial = async ({ args, method }: Given) => {
  const adversary = adversaryOf(method);
  return { request: await adversary.ascends(args), data: adversary.start(args) };
};

/** How far the number of samples goes to either side of a share, in how many steps: an engine likes equal sizes better. */
const [SPREAD, STEPS] = [1 / 8, 16];

/** Lists of so many samples, one after the other: no two friendly steps in training are on equally many. */
function* actives(n: number, share: number): Generator<number[], never> {
  for (let k = 0; ; k = (k + 5) % STEPS) {
    const aside = share < 1 ? SPREAD * ((2 * k) / (STEPS - 1) - 1) : 0;
    const size = Math.min(n, Math.max(1, Math.round(n * (share + aside))));
    yield Array.from({ length: size }, (_, i) => i);
  }
}

/** Enough patience for every sample to be attacked on. */
const chase = async (given: Given) => {
  const { y } = given.args;
  const patience = new Int32Array(y.length).fill(2 ** 30);
  return { ...(await adversarial(given)), patience, active: actives(y.length, given.share) };
};

export const phases = {
  batch: phase({ as: 'natural', ready: nothing, run: ({ args, data }) => batch(data, args.indices) }),
  augment: phase({
    as: 'natural',
    ready: ({ data, args }) => batch(data, args.indices),
    run: ({ args }, images) => augment(images, args.key),
  }),
  forward: phase({ as: 'natural', ready: nothing, run: ({ args }) => args.learner.logits(args.x) }),
  update: phase({ as: 'natural', ready: nothing, run: ({ args }) => args.learner.update(args.x, args.y) }),

  'RAT line 4': phase({ as: 'pgd', ready: nothing, run: ({ args }) => start(args) }),
  'RAT lines 6-7': phase({
    as: 'pgd',
    ready: adversarial,
    run: ({ args }, { data, request }) => pgdSteps(imagesAt(args, data), args, 1, request),
  }),
  'RAT lines 5-8': phase({
    as: 'pgd',
    afterUpdate: true,
    ready: delta0,
    run: ({ args }, from) => pgdPerturb(args, from),
  }),

  'GAAT lines 4-6': phase({
    as: 'gaat',
    afterUpdate: true,
    ready: delta0,
    run: ({ args }, from) => expand(args, from),
  }),
  'GAAT lines 8-9': phase({
    as: 'gaat',
    ready: async ({ args }) => ({ from: start(args), expansion: await expand(args, start(args)) }),
    run: ({ args }, { from, expansion }) => gaatSteps({ ...args, steps: 1 }, from, expansion),
  }),
  'GAAT lines 4-10': phase({
    as: 'gaat',
    afterUpdate: true,
    ready: delta0,
    run: ({ args }, from) => gaatPerturb(args, from),
  }),
  'GAAT eq. 10': phase({
    as: 'gaat',
    afterUpdate: true,
    ready: nothing,
    run: ({ args }) => curvatures.diagonal(args, { of: {}, delta: new Float32Array(0) }),
  }),
  'GAAT eq. 5': phase({
    as: 'gaat',
    afterUpdate: true,
    ready: ({ args }) => start(args).map((v, i) => v - args.x.data[i]!),
    run: ({ args }, delta) => curvatures.exact(args, { of: {}, delta }),
  }),

  'DEAT line 4': phase({ as: 'deat', ready: nothing, run: ({ args }) => initialDelta(args) }),
  'DEAT lines 6-9': phase({
    as: 'deat',
    ready: ({ args }) => initialDelta(args),
    run: ({ args }, delta) => replay(args, delta),
  }),
  'DEAT Alg. 4, lines 8-12': phase({
    as: 'fast',
    afterUpdate: true,
    ready: adversarial,
    run: ({ args }, { data, request }) => measuredStep(args, imagesAt(args, data), request),
  }),

  'TRADES line 5': phase({ as: 'trades', ready: nothing, run: ({ args }) => nearby(args) }),
  'TRADES line 6': phase({
    as: 'trades',
    afterUpdate: true,
    ready: nothing,
    run: ({ args }) => tradesAdversary.ascends(args),
  }),
  'TRADES lines 6-8': phase({
    as: 'trades',
    afterUpdate: true,
    ready: adversarial,
    run: ({ args }, { data, request }) => pgdPerturb(args, data, request),
  }),
  'TRADES line 10': phase({
    as: 'trades',
    ready: ({ args }) => imagesAt(args, nearby(args)),
    run: ({ args }, at) => tradesAdversary.learn(args, at),
  }),
  MART: phase({
    as: 'mart',
    ready: ({ args }) => imagesAt(args, nearby(args)),
    run: ({ args }, at) => martAdversary.learn(args, at),
  }),
  FAT: phase({
    as: 'fat',
    ready: chase,
    run: async ({ args, times }, { active, ...rest }) => {
      for (let k = 0; k < times; k++) await friendlyStep({ args, ...rest }, active.next().value);
    },
  }),

  'eFGSM eqs. 11, 14': phase({ as: 'efgsm', ready: nothing, run: ({ args }) => efgsm.start(args) }),
  'eFGSM eq. 12, Δ': phase({
    as: 'efgsm',
    afterUpdate: true,
    ready: ({ args }) => efgsm.start(args),
    run: ({ args }, at) => efgsm.nearestBoundary(args, at),
  }),
  'eFGSM eq. 12, x_adv': phase({
    as: 'efgsm',
    ready: async ({ args }) => ({ at: args.x, boundary: await efgsm.nearestBoundary(args, args.x) }),
    run: ({ args }, { at, boundary }) => efgsm.stepAcross(args, at, boundary),
  }),
  'eFGSM eq. 13': phase({
    as: 'efgsm',
    ready: ({ args }) => efgsm.start(args),
    run: ({ args }, at) => efgsm.vote(args, at),
  }),
  'eFGSM eq. 16': phase({
    as: 'efgsm+reconstructor',
    ready: ({ args }) => efgsm.start(args),
    run: ({ args }, at) => efgsm.learnBoth(args, at),
  }),
} as const satisfies Record<string, PhaseSpec>;

export type PhaseName = keyof typeof phases;
export const phaseNames = Object.keys(phases) as PhaseName[];
