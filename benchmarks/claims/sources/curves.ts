/** `bench curves`: runs that the papers' figures are drawn of. What they took, and what was attacked of them, speaks of tables, too. */
import { type CurveRun, type CurvesRecord, curvesRecord } from '../../curves/record.ts';
import { steadySecondsOf } from '../../methods/record.ts';
import type { Accuracy, Times } from '../found.ts';
import { dataNamed } from './names.ts';
import { timesOf } from './runs.ts';
import { originOf, source } from './source.ts';

const doneRuns = ({ runs }: CurvesRecord): CurveRun[] => runs.filter(({ state }) => state === 'done');

const settingsOf = ({ training }: CurvesRecord, { settings }: CurveRun) => ({
  ...training.common,
  ...settings,
});

/** Of networks that were attacked on test images: those held out of training are easier. */
function accuraciesIn(record: CurvesRecord, path: string): Accuracy[] {
  const data = dataNamed(record.training.data.name);
  if (!data) return [];
  return doneRuns(record).flatMap((run) => {
    if (!run.sweep) return [];
    const settings = settingsOf(record, run);
    const common = {
      ...{ origin: originOf(path, record.machine), method: run.method, data, settings },
      ...{ model: String(settings.model), epsilon: run.epsilon, n: run.sweep.n },
      ...{ epochs: run.epochs.length, trainedOn: record.training.images },
    };
    const natural = run.sweep.epsilons.find(({ epsilon }) => epsilon === 0);
    return [
      ...(natural ? [{ ...common, attack: null, value: natural.robustAccuracy }] : []),
      ...run.sweep.steps.map(({ steps, robustAccuracy: value }) => ({
        ...common,
        ...{ attack: { name: 'pgd', steps }, value },
      })),
    ];
  });
}

function timesIn(record: CurvesRecord, path: string): Times {
  const { common, data, epochs, threads } = record.training;
  return timesOf({
    origin: originOf(path, record.machine),
    about: `${common.model} on ${data.name}, ${epochs} epochs, ${threads} threads`,
    data: dataNamed(data.name),
    batchSize: Number(common.batchSize),
    runs: doneRuns(record).map((run) => ({
      method: run.method,
      settings: settingsOf(record, run),
      epochs: run.epochs.length,
      secondsPerEpoch: steadySecondsOf(run.epochs) / run.epochs.length,
    })),
  });
}

export const curvesSource = source(
  'curves',
  ({ benchmark }) => benchmark === 'curves',
  curvesRecord,
  (record, path) => ({
    accuracies: accuraciesIn(record, path),
    times: [timesIn(record, path)],
    curves: [{ origin: originOf(path, record.machine), record }],
  }),
);
