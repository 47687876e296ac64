import type { RunControls, RunOutcome } from '../runs/train-run.ts';
import type { EpochRecord } from '../train/index.ts';
import type { Context } from './common.ts';
import { formatDuration } from './progress.ts';

const share = (value: number | null): string => (value === null ? '—' : `${(100 * value).toFixed(1)} %`);

/** An epoch on one line. */
const epochLine = (r: EpochRecord, epochs: number): string =>
  [
    `epoch ${r.epoch}/${epochs}`,
    `loss ${r.loss.toFixed(3)}`,
    `train ${share(r.trainAccuracy)}`,
    `validation ${share(r.validationAccuracy)}, under PGD ${share(r.validationRobustAccuracy)}`,
    `#BP ${r.backwardsPerBatch.toFixed(0)}`,
    `${r.seconds.toFixed(1)} s`,
  ].join(' · ');

/** Shows a run as it goes: a bar per epoch with loss, accuracy, backward passes and the time left of the run. */
export function trainingControls(context: Context): RunControls {
  let epochs = 0;
  return {
    signal: context.signal,
    onNotice: (line) => context.progress.line(line),
    onProgress(p) {
      epochs = p.epochs;
      const done = (p.epoch - 1 + p.batch / p.batches) / p.epochs;
      const facts = [
        `epoch ${p.epoch}/${p.epochs}`,
        `loss ${p.loss.toFixed(3)}`,
        `accuracy ${share(p.accuracy)}`,
        `#BP ${p.backwards.toLocaleString('en')}`,
        `${formatDuration(p.secondsLeft)} left`,
      ];
      context.progress.update('training', done, facts.join(' · '), { timeLeft: false });
    },
    onEpoch: (record) => context.progress.line(epochLine(record, Math.max(epochs, record.epoch))),
  };
}

/** Ctrl-C, after saving: 130, as shells have it. */
export const INTERRUPTED = 130;

/** What is said when a run ends before its last epoch; undefined where it ran to the end. */
export function interruption({ end, dir }: RunOutcome): string | undefined {
  return end === 'interrupted'
    ? `stopped and saved; go on with: touchstone train --resume ${dir}`
    : undefined;
}
