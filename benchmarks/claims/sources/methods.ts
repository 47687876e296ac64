/** `bench methods`: what each method took and how robust it got, on one network and one machine. */

import {
  type MeasuredMethod,
  type MethodsRecord,
  methodsRecord,
  steadySecondsOf,
} from '../../methods/record.ts';
import type { Accuracy, Times } from '../found.ts';
import { dataNamed } from './names.ts';
import { accuraciesOf, timesOf } from './runs.ts';
import { originOf, source } from './source.ts';

type Settings = Readonly<Record<string, unknown>>;
const settingsOf = ({ training }: MethodsRecord, method: MeasuredMethod): Settings => ({
  ...training.common,
  ...method.settings,
});

function accuraciesIn(record: MethodsRecord, path: string): Accuracy[] {
  const data = dataNamed(record.attacks.data.name);
  if (!data) return [];
  return record.methods.flatMap((of) => {
    if (of.state !== 'done' || !of.evaluation) return [];
    const common = {
      ...{ origin: originOf(path, record.machine), method: of.method, data },
      ...{ model: String(record.training.common.model), epsilon: record.attacks.epsilon },
      ...{ epochs: of.epochs.length, trainedOn: record.training.images },
      settings: settingsOf(record, of),
    };
    return accuraciesOf(common, of.evaluation);
  });
}

function timesIn(record: MethodsRecord, path: string): Times {
  const { common, data, images, epochs, threads } = record.training;
  return timesOf({
    origin: originOf(path, record.machine),
    about: `${common.model} on ${data.name}, ${epochs} epochs of ${images} images, ${threads} threads`,
    data: dataNamed(data.name),
    batchSize: Number(common.batchSize),
    runs: record.methods
      .filter(({ state }) => state === 'done')
      .map((of) => ({
        method: of.method,
        settings: settingsOf(record, of),
        epochs: of.epochs.length,
        secondsPerEpoch: steadySecondsOf(of.epochs) / of.epochs.length,
      })),
  });
}

export const methodsSource = source(
  'methods',
  ({ benchmark }) => benchmark === 'methods',
  methodsRecord,
  (record, path) => ({ accuracies: accuraciesIn(record, path), times: [timesIn(record, path)] }),
);
