/** The cells of an experiment: methods × models × data × ε × seeds, and checkpoints × data × ε × seeds. */
import { basename } from 'node:path';
import { TouchstoneError } from '../errors.ts';
import { epsilonText } from '../report/format.ts';
import type { MethodName } from '../train/index.ts';
import type { Experiment } from './schema.ts';

/** The group of tables that checkpoints are in. */
export const CHECKPOINTS = 'checkpoints';

/** One trained and audited model, or one audited file. */
export interface Cell {
  /** Of its labels, with slashes: its folder, too. */
  readonly id: string;
  /** What the row of its table is called: a method's label, or a checkpoint's. */
  readonly method: string;
  /** The architecture, or {@link CHECKPOINTS}. */
  readonly model: string;
  readonly data: string;
  readonly epsilon: number;
  readonly seed: number;
  /** Where in the file it comes from: `methods[1] (pgd), models[0] (mnist-cnn), data[0] (mnist)`. */
  readonly origin: string;
  readonly subject: Training | Checkpoint;
}

/** What a training run is told. */
export interface Training {
  readonly kind: 'training';
  readonly method: MethodName;
  readonly settings: Readonly<Record<string, string | number | boolean | number[]>>;
}

export interface Checkpoint {
  readonly kind: 'checkpoint';
  /** As the file has it. */
  readonly file: string;
}

/** An item of a list, with what tables call it. */
export interface Labelled<T> {
  readonly label: string;
  /** `methods[1] (pgd)` */
  readonly origin: string;
  readonly value: T;
}

type Options = Experiment['training'];

const wrong = (got: string, expected: string, remedy?: string) =>
  new TouchstoneError('E_OPTION', got, expected, remedy);

/** @throws E_OPTION for a label that comes twice */
function labelled<T>(what: string, items: readonly T[], labelOf: (item: T) => string): Labelled<T>[] {
  const seen = new Map<string, number>();
  return items.map((value, i) => {
    const label = labelOf(value);
    const before = seen.get(label);
    if (before !== undefined)
      throw wrong(
        `${what}[${i}]: '${label}' again, as ${what}[${before}]`,
        'each once',
        what === 'methods' || what === 'checkpoints' || what === 'data'
          ? 'give one of them a "label"'
          : 'leave one out',
      );
    seen.set(label, i);
    return { label, origin: `${what}[${i}] (${label})`, value };
  });
}

/** A file's name as a label: without folders and ending, and with what a label may hold. */
const labelOfFile = (path: string): string =>
  basename(path)
    .replace(/\.[a-z]+(\?.*)?$/i, '')
    .replace(/[^A-Za-z0-9+_.-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 80) || 'file';

/** `mnist:DIR` is mnist, `digits.npz` is digits. */
const labelOfData = (spec: string): string =>
  /\.npz(\?.*)?$/i.test(spec) ? labelOfFile(spec) : labelOfFile(spec.replace(/:.*$/s, ''));

export const dataOf = ({ data }: Experiment): Labelled<string>[] =>
  labelled('data', data, (d) =>
    typeof d === 'string' ? labelOfData(d) : (d.label ?? labelOfData(d.data)),
  ).map((d) => ({ ...d, value: typeof d.value === 'string' ? d.value : d.value.data }));

/** What a method's own options leave open comes from what is for all. */
function settingsOf(
  common: Options,
  own: Options,
  rest: Record<string, string | number>,
): Training['settings'] {
  const all = { ...common, ...own, ...rest };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined && value !== null),
  ) as Training['settings'];
}

/** All of `as`, and what each is trained with, by its radius and seed. */
interface Row {
  readonly method: string;
  readonly model: string;
  readonly origin: string;
  readonly subject: (epsilon: number, seed: number) => Cell['subject'];
}

function rowsOf(experiment: Experiment): Row[] {
  const methods = labelled('methods', experiment.methods, (m) =>
    typeof m === 'string' ? m : (m.label ?? m.method),
  );
  const models = labelled('models', experiment.models, String);
  const checkpoints = labelled('checkpoints', experiment.checkpoints, (c) =>
    typeof c === 'string' ? labelOfFile(c) : (c.label ?? labelOfFile(c.file)),
  );
  if ((methods.length === 0) !== (models.length === 0))
    throw wrong(
      `${methods.length} methods and ${models.length} models`,
      'some of both, or checkpoints alone',
    );
  if (methods.length + checkpoints.length === 0)
    throw wrong('no methods and no checkpoints', 'some of either');
  const trained = models.flatMap((model) =>
    methods.map(({ label, origin, value }): Row => {
      const { method, label: _, ...own } = typeof value === 'string' ? { method: value } : value;
      return {
        ...{ method: label, model: model.label, origin: `${origin}, ${model.origin}` },
        subject(epsilon, seed) {
          const radius = own.epsilon ?? experiment.training.epsilon ?? epsilon;
          const rest = { method, model: model.value, seed, epsilon: radius };
          return {
            kind: 'training',
            method: method as MethodName,
            settings: settingsOf(experiment.training, own, rest),
          };
        },
      };
    }),
  );
  const given = checkpoints.map(({ label, origin, value }): Row => {
    const file = typeof value === 'string' ? value : value.file;
    return { method: label, model: CHECKPOINTS, origin, subject: () => ({ kind: 'checkpoint', file }) };
  });
  return [...trained, ...given];
}

/** @throws E_OPTION for radii that the norm does not have, or that no run could train with */
function radiiOf({ eps, audit, training, methods }: Experiment): number[] {
  labelled('eps', eps, epsilonText);
  if (audit.norm === 'linf') {
    const i = eps.findIndex((e) => e > 1);
    if (i >= 0)
      throw wrong(`eps[${i}]: ${eps[i]}`, 'at most 1', 'it is in pixel space: write "8/255", not 8');
    return eps;
  }
  const open = methods.findIndex((m) => typeof m === 'string' || m.epsilon === undefined);
  if (training.epsilon === undefined && open >= 0)
    throw wrong(
      `methods[${open}]: no radius to train with, and an audit in ${audit.norm}`,
      'an L∞ radius',
      'set training.epsilon',
    );
  return eps;
}

/**
 * All cells, in the order of the file.
 *
 * @throws E_OPTION naming the place in the file
 */
export function cellsOf(experiment: Experiment): Cell[] {
  const radii = radiiOf(experiment);
  labelled('seeds', experiment.seeds, String);
  const rows = rowsOf(experiment);
  return dataOf(experiment).flatMap((data) =>
    rows.flatMap(({ method, model, origin, subject }) =>
      radii.flatMap((epsilon) =>
        experiment.seeds.map(
          (seed): Cell => ({
            id: `${data.label}/${model}/${method}/eps-${epsilonText(epsilon).replace('/', '-')}-seed-${seed}`,
            ...{ method, model, data: data.label, epsilon, seed },
            origin: `${origin}, ${data.origin}`,
            subject: subject(epsilon, seed),
          }),
        ),
      ),
    ),
  );
}

/** For people: `gaat mnist-cnn mnist ε 0.1 seed 0`. */
export const titleOf = ({ method, model, data, epsilon, seed }: Cell): string =>
  `${method} ${model} ${data} ε ${epsilonText(epsilon)} seed ${seed}`;
