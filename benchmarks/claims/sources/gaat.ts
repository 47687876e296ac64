/** `bench gaat`: RAT, GAAT and U-FGSM as papers have them; its other runs vary them, and are no rows of a table. */
import { type GaatRecord, type GaatRun, gaatRecord } from '../../gaat/record.ts';
import { AS_PUBLISHED } from '../../gaat/runs.ts';
import { median } from '../../measure.ts';
import { steadySecondsOf } from '../../methods/record.ts';
import type { Accuracy, Times } from '../found.ts';
import { dataNamed } from './names.ts';
import { accuraciesOf, timesOf } from './runs.ts';
import { originOf, source } from './source.ts';

const publishedRuns = ({ runs }: GaatRecord): GaatRun[] =>
  runs.filter(({ name, state }) => state === 'done' && AS_PUBLISHED.includes(name));

const settingsOf = ({ training }: GaatRecord, { settings }: GaatRun) => ({
  ...training.common,
  ...settings,
});

function accuraciesIn(record: GaatRecord, path: string): Accuracy[] {
  const data = dataNamed(record.training.data.name);
  if (!data) return [];
  return publishedRuns(record).flatMap((run) => {
    if (!run.evaluation) return [];
    const common = {
      ...{ origin: originOf(path, record.machine), method: run.method, data },
      ...{ model: String(record.training.common.model), epsilon: record.epsilon },
      ...{ epochs: run.epochs.length, trainedOn: record.training.images },
      settings: settingsOf(record, run),
    };
    return accuraciesOf(common, run.evaluation);
  });
}

/** Where mini-batches were timed in turn, an epoch is as many of their medians: runs follow one another, and load comes and goes. */
function timesIn(record: GaatRecord, path: string): Times {
  const { training: t, batches } = record;
  const runs = publishedRuns(record);
  const inTurn = runs.every(({ name }) => (batches[name]?.length ?? 0) > 0);
  const perEpoch = ({ name, epochs }: GaatRun): number =>
    inTurn ? (median(batches[name]!) * epochs[0]!.batches) / 1000 : steadySecondsOf(epochs) / epochs.length;
  const how = inTurn ? `mini-batches in turn, ${batches[runs[0]?.name ?? '']?.length ?? 0} rounds` : 'runs';
  return timesOf({
    origin: originOf(path, record.machine),
    about: `${t.common.model} on ${t.data.name}, ${how}, ${t.threads} threads`,
    data: dataNamed(t.data.name),
    batchSize: Number(t.common.batchSize),
    runs: runs.map((run) => ({
      method: run.method,
      settings: settingsOf(record, run),
      epochs: run.epochs.length,
      secondsPerEpoch: perEpoch(run),
    })),
  });
}

export const gaatSource = source(
  'gaat',
  ({ benchmark }) => benchmark === 'gaat',
  gaatRecord,
  (record, path) => ({
    accuracies: accuraciesIn(record, path),
    times: [timesIn(record, path)],
    lenses: [{ origin: originOf(path, record.machine), record }],
  }),
);
