/** What the benchmark keeps in a method's folder beside the training run: `bench.json`. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { z } from 'zod';
import { TouchstoneError } from '../../src/errors.ts';
import { writeFileAtomic } from '../../src/io/index.ts';
import type { Progress } from '../../src/train/index.ts';
import { evaluation } from './record.ts';

const notes = z.object({
  schema: z.literal('touchstone-bench-methods/1'),
  /** Seconds of single mini-batches, by epoch. */
  seconds: z.record(z.string(), z.array(z.number().nonnegative())),
  /** Why it cannot be trained: it diverges, which it would again. */
  failure: z.string().nullable(),
  evaluation: evaluation.nullable(),
});
export type Notes = z.infer<typeof notes>;

const fileOf = (dir: string): string => join(dir, 'bench.json');

/** What is there; a folder without the file has told nothing yet. @throws E_DATA for a file that is something else */
export async function readNotes(dir: string): Promise<Notes> {
  const path = fileOf(dir);
  if (!(await fs.pathExists(path)))
    return { schema: 'touchstone-bench-methods/1', seconds: {}, failure: null, evaluation: null };
  const parsed = notes.safeParse(await fs.readJson(path).catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new TouchstoneError(
    'E_DATA',
    `${path} is damaged`,
    'the file as it was written',
    'remove its folder',
  );
}

export const writeNotes = (dir: string, content: Notes): Promise<void> =>
  writeFileAtomic(fileOf(dir), `${JSON.stringify(content)}\n`);

type Tick = Pick<Progress, 'epoch' | 'batch' | 'seconds'>;

/**
 * Adds to `seconds` what each mini-batch took: the difference to the one before. The first after a resumption in the
 * middle of an epoch has none before it and is left out.
 *
 * @returns what a run's `onProgress` is given
 */
export function stopwatch(seconds: Notes['seconds']): (tick: Tick) => void {
  let last: Tick | undefined;
  return (now) => {
    const follows = last?.epoch === now.epoch && last.batch === now.batch - 1;
    const before = now.batch === 1 ? 0 : follows ? last!.seconds : undefined;
    const own = now.batch === 1 ? [] : (seconds[now.epoch] ?? []); // begun, or begun again after a kill
    if (before !== undefined) own.push(now.seconds - before);
    seconds[now.epoch] = own;
    last = { epoch: now.epoch, batch: now.batch, seconds: now.seconds };
  };
}
