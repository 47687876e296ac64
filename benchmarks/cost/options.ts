/** The options of `bench cost`. */
import { parseCount } from '../../src/cli/numbers.ts';
import { type MethodName, methods } from '../../src/train/index.ts';
import { chosen, one, readOptions } from '../options.ts';

const ENGINES = ['onnxruntime', 'tensorflow'] as const;
const DEVICES = ['auto', 'cpu', 'cuda'] as const;

export interface CostOptions {
  readonly methods: readonly MethodName[];
  /** As `--data` takes it: images that the MNIST network fits. */
  readonly data: string;
  readonly epochs: number;
  /** Trains on the first so many images. @default all */
  readonly limit?: number;
  /** How often a run is held to time its phases. */
  readonly rounds: number;
  readonly seed: number;
  readonly engine: (typeof ENGINES)[number];
  readonly device: (typeof DEVICES)[number];
  /** @default the number of cores */
  readonly threads?: number;
  /** Where the record goes. */
  readonly record?: string;
}

const DEFAULTS = {
  methods: Object.keys(methods).join(','),
  data: 'mnist',
  epochs: '5',
  rounds: '40',
  seed: '0',
  engine: 'onnxruntime',
  device: 'auto',
};
const NAMES = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  ...(['limit', 'threads', 'record'] as const),
];

/**
 * @param argv as `--methods a,b --limit 6400`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): CostOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  const counted = (name: 'limit' | 'threads') =>
    given[name] === undefined ? {} : { [name]: parseCount(given[name], name) };
  return {
    methods: chosen('methods', given.methods, Object.keys(methods) as MethodName[]),
    data: given.data,
    epochs: parseCount(given.epochs, 'epochs'),
    rounds: parseCount(given.rounds, 'rounds', 3),
    seed: parseCount(given.seed, 'seed', 0),
    engine: one('engine', given.engine, ENGINES),
    device: one('device', given.device, DEVICES),
    ...counted('limit'),
    ...counted('threads'),
    ...(given.record !== undefined && { record: given.record }),
  };
}
