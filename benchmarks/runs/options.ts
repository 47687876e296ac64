/** What the benchmarks that train have in common: their options. */
import { parseCount } from '../../src/cli/numbers.ts';
import { KEEP_NAMES, type KeepOptions, keepOptions } from '../keep.ts';
import { one } from '../options.ts';

const ENGINES = ['onnxruntime', 'tensorflow'] as const;
const DEVICES = ['auto', 'cpu', 'cuda'] as const;

export interface TrainingOptions extends KeepOptions {
  /** As `--data` takes it: images that the network fits. */
  readonly data: string;
  readonly epochs: number;
  /** Trains on the first so many images. @default all */
  readonly limit?: number;
  readonly seed: number;
  /** What trains. Attacks always run on onnxruntime. */
  readonly engine: (typeof ENGINES)[number];
  readonly device: (typeof DEVICES)[number];
  /** @default the number of cores */
  readonly threads?: number;
}

/** Of benchmarks that are made of runs which are kept and attacked. */
export interface RunsOptions extends TrainingOptions {
  /** Test images that are attacked, the first ones. */
  readonly attacked: number;
  /** Where the runs are, a folder each. */
  readonly out: string;
}

export const TRAINING_DEFAULTS = {
  data: 'mnist',
  epochs: '5',
  seed: '0',
  engine: 'onnxruntime',
  device: 'auto',
};
export const TRAINING_NAMES = ['limit', 'threads', ...KEEP_NAMES] as const;
export const RUNS_DEFAULTS = { ...TRAINING_DEFAULTS, attacked: '1000' };
export const RUNS_NAMES = ['out', ...TRAINING_NAMES] as const;

type Given = typeof TRAINING_DEFAULTS & Partial<Record<(typeof TRAINING_NAMES)[number] | 'html', string>>;

/** @throws E_OPTION for a value that is none */
export function trainingOptions(given: Given): TrainingOptions {
  const counted = (name: 'limit' | 'threads') =>
    given[name] === undefined ? {} : { [name]: parseCount(given[name], name) };
  return {
    data: given.data,
    epochs: parseCount(given.epochs, 'epochs'),
    seed: parseCount(given.seed, 'seed', 0),
    engine: one('engine', given.engine, ENGINES),
    device: one('device', given.device, DEVICES),
    ...counted('limit'),
    ...counted('threads'),
    ...keepOptions(given),
  };
}

/** @throws E_OPTION for a value that is none */
export const runsOptions = (
  given: Given & { readonly attacked: string; readonly out: string },
): RunsOptions => ({
  ...trainingOptions(given),
  attacked: parseCount(given.attacked, 'attacked'),
  out: given.out,
});
