import { setTimeout } from 'node:timers/promises';

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Threads spin for a while after their work, and would take the cores from whoever runs next. */
const REST = 30;

/** Milliseconds of each of several pieces of work, over rounds in which each runs once, in turn. */
export async function interleaved(
  rounds: number,
  work: Readonly<Record<string, () => Promise<number>>>,
): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(work)) {
      await setTimeout(REST);
      await run(); // caches and clocks are cold after a rest
      const milliseconds = await run();
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
