/** `bench methods`: what each method took and how robust it got, on one network and one machine. */

import {
  type MeasuredMethod,
  type MethodsRecord,
  methodsRecord,
  steadySecondsOf,
} from '../../methods/record.ts';
import type { Accuracy, Times } from '../found.ts';
import type { Ours } from '../ours.ts';
import { dataNamed } from './names.ts';
import { originOf, source } from './source.ts';

const ATTACKED_BY = {
  fgsm: { name: 'fgsm', steps: 1 },
  'pgd-100': { name: 'pgd', steps: 100 },
  'cw-20': { name: 'pgd-margin', steps: 20 },
} as const;

type Settings = Readonly<Record<string, unknown>>;
const settingsOf = ({ training }: MethodsRecord, method: MeasuredMethod): Settings => ({
  ...training.common,
  ...method.settings,
});

function accuraciesOf(record: MethodsRecord, path: string): Accuracy[] {
  const data = dataNamed(record.attacks.data.name);
  if (!data) return [];
  return record.methods.flatMap((of) => {
    if (of.state !== 'done' || !of.evaluation) return [];
    const common = {
      ...{ origin: originOf(path, record.machine), method: of.method, data },
      ...{ model: String(record.training.common.model), epsilon: record.attacks.epsilon },
      ...{ epochs: of.epochs.length, settings: settingsOf(record, of) },
    };
    const { natural, attacks } = of.evaluation;
    return [
      { ...common, attack: null, value: natural.correct / natural.n, n: natural.n },
      ...Object.entries(ATTACKED_BY).map(([label, attack]) => {
        const { correct, n } = attacks[label as keyof typeof ATTACKED_BY];
        return { ...common, attack, value: correct / n, n };
      }),
    ];
  });
}

/** What decides a run's cost beside its method, network and data, where a record names it. */
const DECIDES = ['steps', 'replays', 'every', 'naturalShare', 'rivals'] as const;

function timesOf(record: MethodsRecord, path: string): Times[] {
  const data = dataNamed(record.training.data.name);
  const { common, images, epochs, threads } = record.training;
  const find = ({ method }: Ours) => record.methods.find((m) => m.method === method && m.state === 'done');
  const perEpoch = (of: MeasuredMethod) => steadySecondsOf(of.epochs) / of.epochs.length;
  const isSame = (ours: Ours, of: MeasuredMethod): boolean =>
    ours.model === common.model &&
    ours.data === data &&
    !ours.endsEarly &&
    DECIDES.every((name) => of.settings[name] === undefined || of.settings[name] === ours[name]);
  const about = `${common.model} on ${record.training.data.name}, ${epochs} epochs of ${images} images, ${threads} threads`;
  return [
    {
      ...{ origin: originOf(path, record.machine), about, isProjected: false },
      batchSize: Number(common.batchSize),
      seconds(ours) {
        const of = find(ours);
        return of && isSame(ours, of) ? perEpoch(of) * ours.epochs : null;
      },
      nearest(ours) {
        const of = find(ours);
        if (!of) return null;
        const steps = of.settings.steps === undefined ? '' : `, T = ${of.settings.steps}`;
        return {
          seconds: perEpoch(of) * ours.epochs,
          about: `${common.model}, ${data ?? 'other data'}${steps}`,
        };
      },
    },
  ];
}

export const methodsSource = source(
  'methods',
  ({ benchmark }) => benchmark === 'methods',
  methodsRecord,
  (record, path) => ({ accuracies: accuraciesOf(record, path), times: timesOf(record, path) }),
);
