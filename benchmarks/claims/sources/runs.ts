/** What records of training runs hold: the times of each, to be set against each other, and accuracies. */
import type { MethodName } from '../../../src/train/index.ts';
import type { Evaluation } from '../../methods/record.ts';
import type { Accuracy, Origin, Times } from '../found.ts';
import type { Ours } from '../ours.ts';
import type { DataName } from '../schema.ts';

/** A run that came to its end. */
export interface TimedRun {
  readonly method: MethodName;
  /** Every setting by its name, the ones that all runs share among them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly epochs: number;
  readonly secondsPerEpoch: number;
}

export interface TimedRuns {
  readonly origin: Origin;
  readonly about: string;
  readonly data: DataName | undefined;
  readonly batchSize: number;
  /** Of several that fit, the first counts. */
  readonly runs: readonly TimedRun[];
}

/** What decides a run's cost beside its method, network and data, where a record names it. */
const DECIDES = ['steps', 'replays', 'every', 'naturalShare', 'rivals'] as const;

const isAsTold = (ours: Ours, { settings }: TimedRun): boolean =>
  DECIDES.every((name) => settings[name] === undefined || settings[name] === ours[name]);

/** Replays that grow with the run make its last epochs its longest ones. */
const isAsLong = (ours: Ours, { method, epochs }: TimedRun): boolean =>
  method !== 'deat' || epochs === ours.epochs;

export function timesOf({ origin, about, data, batchSize, runs }: TimedRuns): Times {
  const isSame = (ours: Ours, run: TimedRun): boolean =>
    ours.model === run.settings.model &&
    ours.data === data &&
    !ours.endsEarly &&
    isAsTold(ours, run) &&
    isAsLong(ours, run);
  const whole = (run: TimedRun, { epochs }: Ours): number => run.secondsPerEpoch * epochs;
  return {
    ...{ origin, about, batchSize, isProjected: false },
    seconds(ours) {
      const run = runs.find((r) => r.method === ours.method && isSame(ours, r));
      return run ? whole(run, ours) : null;
    },
    nearest(ours) {
      const own = runs.filter((r) => r.method === ours.method);
      const run = own.find((r) => isAsTold(ours, r)) ?? own[0];
      if (!run) return null;
      const steps = run.settings.steps === undefined ? '' : `, T = ${run.settings.steps}`;
      return {
        seconds: whole(run, ours),
        about: `${run.settings.model}, ${data ?? 'other data'}${steps}`,
      };
    },
  };
}

const ATTACKED_BY = {
  fgsm: { name: 'fgsm', steps: 1 },
  'pgd-100': { name: 'pgd', steps: 100 },
  'cw-20': { name: 'pgd-margin', steps: 20 },
} as const;

/** What `bench methods` and `bench gaat` attack a network with. */
export function accuraciesOf(
  common: Omit<Accuracy, 'attack' | 'value' | 'n'>,
  { natural, attacks }: Evaluation,
): Accuracy[] {
  return [
    { ...common, attack: null, value: natural.correct / natural.n, n: natural.n },
    ...Object.entries(ATTACKED_BY).map(([label, attack]) => {
      const { correct, n } = attacks[label as keyof typeof ATTACKED_BY];
      return { ...common, attack, value: correct / n, n };
    }),
  ];
}
