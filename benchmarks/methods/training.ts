/** One training run of a benchmark: begun in its folder or gone on with there, its mini-batches timed one by one. */
import { TouchstoneError } from '../../src/errors.ts';
import { type RunControls, resumeRun, startRun } from '../../src/runs/train-run.ts';
import { isBegun, type Training } from './jobs.ts';
import { readNotes, stopwatch, writeNotes } from './notes.ts';

interface TrainingControls extends Pick<RunControls, 'onProgress' | 'onEpoch' | 'onNotice'> {
  /** As `--data` takes it: where the images are now. */
  readonly data: string;
  readonly signal: AbortSignal;
}

/**
 * Trains to the end. Times are kept beside the run, and so is the reason where it diverges: it would again, bit for bit.
 *
 * @throws as `startRun` and `resumeRun` do; at the signal it returns, with all saved
 */
export async function trainInFolder(
  { dir, options }: Training,
  { data, onProgress, onEpoch, ...controls }: TrainingControls,
): Promise<void> {
  const { seconds, ...notes } = await readNotes(dir);
  const save = (failure: string | null = null) => writeNotes(dir, { ...notes, seconds, failure });
  const tick = stopwatch(seconds);
  const all: RunControls = {
    ...controls,
    onProgress: (progress) => {
      tick(progress);
      onProgress?.(progress);
    },
    onEpoch: async (record) => {
      await save();
      await onEpoch?.(record);
    },
  };
  try {
    if (await isBegun({ dir })) await resumeRun(dir, { ...all, data });
    else await startRun({ ...options, out: dir }, all);
  } catch (error) {
    if (error instanceof TouchstoneError && error.code === 'E_RANGE') await save(error.message);
    throw error;
  }
  await save();
}

/** What is wrong with the disk or the data is wrong for every run. */
export const stopsAll = (error: unknown): boolean =>
  error instanceof TouchstoneError && ['E_WRITE', 'E_FILE', 'E_DATA'].includes(error.code);

/** An error as a row has it. */
export const lineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 300);
