/** What a run costs in passes, by its method's listing: what no machine, engine or network changes. */
import type { MethodName } from '../../src/train/index.ts';
import type { Ours } from './ours.ts';

/** Forward and backward passes of a mini-batch, counted alike, in epoch t of those that attack, from 1. */
type Count = (ours: Ours, t: number) => number;

const both = (passes: number): number => 2 * passes;
/** Of ten classes, all but the label's. */
const RIVALS = 9;

const pgd: Count = ({ steps }) => both(steps + 1);
const gaat: Count = () => both(2);
const efgsm: Count = ({ rivals }) => both((rivals === 0 ? RIVALS : Math.min(rivals, RIVALS)) + 1);

/** Null: the data decide. The engine's own counts are held against the same listings in test/train/costs.test.ts. */
const counts: Readonly<Record<MethodName, Count | null>> = {
  natural: () => both(1),
  pgd, // RAT, Alg. 1, l. 6 and 10
  gaat, // GAAT, Alg. 2, l. 4 and 12
  free: ({ replays }) => both(replays), // Free vs Fast, Alg. 2
  fast: () => both(2), // DEAT, Alg. 5, l. 5 and 7
  deat: ({ every }, t) => both(every === 0 ? Number.NaN : Math.ceil(t / every)), // DEAT, Alg. 1
  'm-deat': null,
  dat: pgd,
  'dat+gaat': gaat,
  trades: ({ steps }) => both(steps + 1) + 1, // f(x) once more
  mart: pgd,
  'm-pgd': null,
  'm-trades': null,
  'm-mart': null,
  fat: null,
  'f-trades': null,
  'f-mart': null,
  efgsm,
  'efgsm+reconstructor': efgsm,
  'efgsm+trades': efgsm,
};

/**
 * Passes over a mini-batch in a whole run, per mini-batch of an epoch; what other data of as many images would cost, too.
 *
 * @returns null where the data decide, or end the run
 */
export function passesOf(ours: Ours): number | null {
  const count = counts[ours.method];
  if (!count || ours.endsEarly) return null;
  const natural = Math.round(ours.naturalShare * ours.epochs);
  const attacked = Array.from({ length: ours.epochs - natural }, (_, i) => count(ours, i + 1));
  const sum = attacked.reduce((a, b) => a + b, 0) + natural * both(1);
  return Number.isNaN(sum) ? null : sum;
}

/** Whether the data decide what a run costs: no projection can tell. */
export const isDataDependent = (ours: Ours): boolean => passesOf(ours) === null;
