import type { EpochRecord } from '../records.ts';

/**
 * Ends a run before it overfits. What is kept is the last epoch before the alarm: by then the network is broken already.
 */
export interface StopRule {
  readonly name: string;
  readonly about: string;
  readonly source: string;
  /** Whether it looks at `probeRobustAccuracy`: PGD-5 on one mini-batch of the training data, after each epoch. */
  readonly probes?: boolean;
  /** @returns why the run stops after the last of these epochs; undefined to go on */
  alarm(history: readonly EpochRecord[]): string | undefined;
}
