/** The options of `bench methods`. */
import { parseCount } from '../../src/cli/numbers.ts';
import { type MethodName, methods } from '../../src/train/index.ts';
import { chosen, one, readOptions } from '../options.ts';

const ENGINES = ['onnxruntime', 'tensorflow'] as const;
const DEVICES = ['auto', 'cpu', 'cuda'] as const;

export interface MethodsOptions {
  readonly methods: readonly MethodName[];
  /** As `--data` takes it: images that the network of the settings fits. */
  readonly data: string;
  readonly epochs: number;
  /** What trains. Attacks always run on onnxruntime. */
  readonly engine: (typeof ENGINES)[number];
  readonly device: (typeof DEVICES)[number];
  /** Trains on the first so many images. @default all */
  readonly limit?: number;
  /** Test images that are attacked, the first ones. */
  readonly attacked: number;
  /** @default the number of cores */
  readonly threads?: number;
  readonly seed: number;
  /** Where the runs are, a folder per method. */
  readonly out: string;
  /** Where the record goes. */
  readonly record?: string;
  /** Where the page goes. */
  readonly html?: string;
}

const DEFAULTS = {
  methods: Object.keys(methods).join(','),
  data: 'mnist',
  epochs: '5',
  engine: 'onnxruntime',
  device: 'auto',
  attacked: '1000',
  seed: '0',
  out: 'runs/bench-methods',
};
const NAMES = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  'limit',
  'threads',
  'record',
  'html',
] as const;

/**
 * @param argv as `--methods pgd,gaat --epochs 5`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): MethodsOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  const { data, out, limit, threads, record, html } = given;
  return {
    methods: chosen('methods', given.methods, Object.keys(methods) as MethodName[]),
    data,
    epochs: parseCount(given.epochs, 'epochs'),
    engine: one('engine', given.engine, ENGINES),
    device: one('device', given.device, DEVICES),
    ...(limit === undefined ? {} : { limit: parseCount(limit, 'limit') }),
    attacked: parseCount(given.attacked, 'attacked'),
    ...(threads === undefined ? {} : { threads: parseCount(threads, 'threads') }),
    seed: parseCount(given.seed, 'seed', 0),
    out,
    ...(record === undefined ? {} : { record }),
    ...(html === undefined ? {} : { html }),
  };
}
