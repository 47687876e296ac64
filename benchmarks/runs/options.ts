/** What the benchmarks that are made of named training runs have in common: their options. */
import { parseCount } from '../../src/cli/numbers.ts';
import { one } from '../options.ts';

const ENGINES = ['onnxruntime', 'tensorflow'] as const;
const DEVICES = ['auto', 'cpu', 'cuda'] as const;

export interface RunsOptions {
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
  /** Test images that are attacked, the first ones. */
  readonly attacked: number;
  /** Where the runs are, a folder each. */
  readonly out: string;
  /** Where the record goes. */
  readonly record?: string;
}

export const RUNS_DEFAULTS = {
  data: 'mnist',
  epochs: '5',
  seed: '0',
  engine: 'onnxruntime',
  device: 'auto',
  attacked: '1000',
};
export const RUNS_NAMES = ['limit', 'threads', 'out', 'record'] as const;

type Given = typeof RUNS_DEFAULTS & { readonly out: string } & Partial<
    Record<(typeof RUNS_NAMES)[number], string>
  >;

/** @throws E_OPTION for a value that is none */
export function runsOptions(given: Given): RunsOptions {
  const counted = (name: 'limit' | 'threads') =>
    given[name] === undefined ? {} : { [name]: parseCount(given[name], name) };
  return {
    data: given.data,
    epochs: parseCount(given.epochs, 'epochs'),
    seed: parseCount(given.seed, 'seed', 0),
    engine: one('engine', given.engine, ENGINES),
    device: one('device', given.device, DEVICES),
    attacked: parseCount(given.attacked, 'attacked'),
    out: given.out,
    ...counted('limit'),
    ...counted('threads'),
    ...(given.record !== undefined && { record: given.record }),
  };
}
