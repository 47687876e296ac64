/**
 * What a run costs: Σ phase × count. Counts are per mini-batch, by the papers' listings; where the data decide (steps that a
 * magnitude sets, samples that are attacked no further), they are those of a run.
 */
import type { RunRecipe } from '../../src/runs/train-run.ts';
import { type EpochRecord, type Method, type MethodName, methods } from '../../src/train/index.ts';
import { type PhaseName, phases } from './registry.ts';

/** A phase as a method takes it: what is timed by itself. */
export interface Work {
  readonly phase: PhaseName;
  /** With whose settings. */
  readonly as: MethodName;
  /** T, where that is not the method's own; of a friendly attack, whose steps are timed singly else, how many in a row. */
  readonly steps?: number | undefined;
  /** Of the mini-batch's samples. @default 1 */
  readonly share?: number | undefined;
}

/** A phase, and how often a mini-batch takes it. */
export interface Term extends Work {
  readonly count: number;
}

/** What an epoch tells of its mini-batches, where their listing alone does not. */
export interface Told {
  /** Replays, or steps that the magnitude set: r. */
  readonly r?: number;
  /** Passes of a friendly attack, and images that they were over, in units of the mini-batch. */
  readonly calls?: number;
  readonly images?: number;
}

/** @throws Error for what is not told: a caller's mistake */
const known = (what: keyof Told, told: Told): number => {
  const value = told[what];
  if (value === undefined) throw new Error(`${what} is not told`);
  return value;
};

const term = (phase: PhaseName, count = 1, more: Partial<Work> = {}): Term => ({
  phase,
  count,
  as: phases[phase].as,
  ...more,
});

type Listing = (told: Told, recipe: RunRecipe, method: MethodName) => Term[];

/** What an adversary brings along: where it starts, what it must know, how it steps, what it learns. */
interface Parts {
  readonly before: readonly Term[];
  readonly steps: PhaseName;
  readonly learn: Term;
}

/** Shares of a mini-batch that friendly steps are timed on, each with others to either side. */
const [MOST, PART] = [7 / 8, 1 / 4];

const parts = {
  pgd: { before: [term('RAT line 4')], steps: 'RAT lines 5-8', learn: term('update') },
  trades: {
    before: [term('TRADES line 5'), term('TRADES line 6')],
    steps: 'TRADES lines 6-8',
    learn: term('TRADES line 10'),
  },
  mart: { before: [term('TRADES line 5')], steps: 'RAT lines 5-8', learn: term('MART') },
} as const satisfies Record<string, Parts>;

/** T steps, then an update: RAT's Alg. 1, and with other losses. */
const attacked =
  ({ before, steps, learn }: Parts): Listing =>
  (_, { steps: T }) => [...before, term(steps, 1, { steps: T }), learn];

/** r − 1 steps, one that is measured, an update: DEAT's Alg. 4. */
const measured =
  ({ before, steps, learn }: Parts): Listing =>
  (told, _, as) => {
    const r = known('r', told);
    const first = r > 1 ? [term(steps, 1, { steps: r - 1 })] : [];
    return [...before, ...first, term('DEAT Alg. 4, lines 8-12', 1, { as }), learn];
  };

/**
 * Steps on fewer and fewer samples: c calls over i mini-batches' worth of images. A call is taken to cost a + b·(its share), and
 * a and b follow from calls on most of it and on a part: T in a row, for the median of single steps is below their mean.
 */
const friendly =
  ({ before, learn }: Parts): Listing =>
  (told, { steps: T }, as) => {
    const [c, i] = [known('calls', told), known('images', told)];
    const onMost = (i - PART * c) / (MOST - PART);
    return [
      ...before,
      term('FAT', onMost / T, { as, share: MOST, steps: T }),
      term('FAT', (c - onMost) / T, { as, share: PART, steps: T }),
      learn,
    ];
  };

const replayed = (r: number): Term[] => [term('DEAT lines 6-9', r)];
const smoothed = (as: MethodName): Term => term('update', 1, { as });

/** eFGSM's examples, eqs. 11–14, by as many rivals as the method looks at. */
const enhanced =
  (learn: (as: MethodName) => Term): Listing =>
  (_, __, as) => [
    term('eFGSM eqs. 11, 14'),
    term('eFGSM eq. 12, Δ', 1, { as }),
    term('eFGSM eq. 12, x_adv'),
    term('eFGSM eq. 13'),
    learn(as),
  ];

const rat = attacked(parts.pgd);
const approximated: Listing = () => [term('RAT line 4'), term('GAAT lines 4-10'), term('update')];

/** What a mini-batch takes beside its images, by each method's listing. */
const listings: Readonly<Record<MethodName, Listing>> = {
  natural: () => [term('update')],
  pgd: rat,
  gaat: approximated,
  free: (_, { replays }) => replayed(replays),
  fast: () => [term('RAT line 4'), term('DEAT Alg. 4, lines 8-12'), term('update')],
  deat: (told) => [term('DEAT line 4'), ...replayed(known('r', told))],
  'm-deat': (told) => [term('DEAT line 4'), ...replayed(known('r', told))],
  dat: rat,
  'dat+gaat': approximated,
  trades: attacked(parts.trades),
  mart: attacked(parts.mart),
  'm-pgd': measured(parts.pgd),
  'm-trades': measured(parts.trades),
  'm-mart': measured(parts.mart),
  fat: friendly(parts.pgd),
  'f-trades': friendly(parts.trades),
  'f-mart': friendly(parts.mart),
  efgsm: enhanced(smoothed),
  'efgsm+reconstructor': enhanced(() => term('eFGSM eq. 16')),
  'efgsm+trades': enhanced((as) => term('TRADES line 10', 1, { as })),
};

/** Whether the counts of a method are its run's, and no formula's. */
export const isTold = ({ method, every }: Pick<RunRecipe, 'method' | 'every'>): boolean =>
  /^(m|f)-|^fat$/.test(method) || (method === 'deat' && every === 0);

/** Epochs that train naturally before the method begins (DAT). */
const naturalEpochs = ({ naturalShare, epochs }: RunRecipe): number => Math.round(naturalShare * epochs);

/** A mini-batch's images, augmented; a method that tracks pixels has their numbers augmented, too. */
function imagesFor(method: MethodName, { augment }: RunRecipe): Term[] {
  const { tracksPixels = false }: Method = methods[method];
  return [term('batch'), ...(augment ? [term('augment', tracksPixels ? 2 : 1)] : [])];
}

/**
 * The phases of a mini-batch.
 *
 * @param epoch from 1
 * @param told what its record says, where the data decide
 */
export function termsOf(recipe: RunRecipe, epoch: number, told: Told = {}): Term[] {
  const { method } = recipe;
  const own = epoch - naturalEpochs(recipe);
  const images = imagesFor(own > 0 ? method : 'natural', recipe);
  if (own <= 0) return [...images, ...listings.natural({}, recipe, 'natural')];
  // DEAT, Alg. 1, l. 12–14: one replay more every d epochs.
  const counted = method === 'deat' && recipe.every > 0 ? { r: Math.ceil(own / recipe.every) } : told;
  return [...images, ...listings[method](counted, recipe, method)];
}

/** A mini-batch's update beside its attack: passes that are not an attack's. TRADES' f(x) is one, forward only. */
const otherPasses = (method: MethodName): number => (method === 'f-trades' ? 2 : 1);

/** What a record says of its mini-batches. @param images in the epoch */
export function toldBy(method: MethodName, record: EpochRecord, images: number): Told {
  const { replays, attackSteps, forwardPasses, forwards, batches } = record;
  if (method === 'fat' || method.startsWith('f-')) {
    const others = otherPasses(method);
    return { calls: forwardPasses / batches - others, images: forwards / images - others };
  }
  const r = replays ?? attackSteps;
  return r === null ? {} : { r };
}

/** Milliseconds of a piece of work, measured; in an epoch (from 1), where that is known. */
export type Times = (work: Work, epoch: number) => number;

/** Milliseconds of a mini-batch. @param epoch that it is of */
export const batchTime = (terms: readonly Term[], times: Times, epoch = 1): number =>
  terms.reduce((sum, { count, ...work }) => sum + count * times(work, epoch), 0);

/**
 * Seconds of a run, projected: the last, smaller mini-batch of an epoch counts by its share.
 *
 * @param images of an epoch
 * @param told of each epoch, where the data decide
 */
export function projectSeconds(
  recipe: RunRecipe,
  images: number,
  times: Times,
  told: readonly Told[] = [],
): number {
  const epochs = Array.from({ length: recipe.epochs }, (_, e) =>
    batchTime(termsOf(recipe, e + 1, told[e]), times, e + 1),
  );
  const batches = images / recipe.batchSize;
  return (batches * epochs.reduce((sum, ms) => sum + ms, 0)) / 1000;
}

/** What tells two pieces of work apart. */
export const workName = ({ phase, as, steps, share }: Work): string =>
  [
    phase,
    ...(as === phases[phase].as ? [] : [`as ${as}`]),
    ...(steps === undefined ? [] : [`T = ${steps}`]),
    ...(share === undefined ? [] : [`on ${100 * share} %`]),
  ].join(', ');

/** The pieces of work that lists of terms are made of, each once. */
export function worksOf(lists: readonly (readonly Term[])[]): Work[] {
  const works = lists.flat().map(({ count: _, ...work }): Work => work);
  return [...new Map(works.map((work) => [workName(work), work])).values()];
}
