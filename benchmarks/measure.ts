import { setTimeout } from 'node:timers/promises';
import { key, permutation } from '../src/random/index.ts';

/** The value below which a share of the others lies, by linear interpolation between neighbours (R's type 7). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  return below + (place - Math.floor(place)) * (sorted[Math.ceil(place)]! - below);
}

/** The middle value; of an even number, the mean of the two in the middle. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Threads spin for a while after their work, and would take the cores from whoever runs next: milliseconds. */
export const REST = 30;

export interface InterleavedOptions {
  /** Work that takes longer, in milliseconds, runs once per round: what is cold at its start does not count. @default ∞ */
  readonly warmUpBelow?: number;
  /** After so many seconds no further round starts, once three are there. @default ∞ */
  readonly seconds?: number;
  /** Another order in each round, so that nothing always runs after the same. @default false */
  readonly shuffle?: boolean;
}

/** Rounds that a time limit leaves: fewer have no quartiles. */
const LEAST_ROUNDS = 3;

/** Milliseconds of each of several pieces of work, over rounds in which each runs once, in turn. */
export async function interleaved(
  rounds: number,
  work: Readonly<Record<string, () => Promise<number>>>,
  {
    warmUpBelow = Number.POSITIVE_INFINITY,
    seconds = Number.POSITIVE_INFINITY,
    shuffle = false,
  }: InterleavedOptions = {},
): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
  const last: Record<string, number> = {};
  const all = Object.entries(work);
  const start = performance.now();
  for (let round = -1; round < rounds; round++) {
    if (round >= LEAST_ROUNDS && performance.now() - start > 1000 * seconds) break;
    const order = shuffle ? permutation(key(0).fold('round', round + 1), all.length) : all.keys();
    for (const at of order) {
      const [name, run] = all[at]!;
      await setTimeout(REST);
      if ((last[name] ?? 0) < warmUpBelow) await run(); // caches and clocks are cold after a rest
      const milliseconds = await run();
      last[name] = milliseconds;
      if (round >= 0) samples[name]!.push(milliseconds); // the first round warms up
    }
  }
  return samples;
}

/** Times one call, in milliseconds. */
export const timed = (run: () => Promise<unknown>) => async (): Promise<number> => {
  const start = performance.now();
  await run();
  return performance.now() - start;
};
