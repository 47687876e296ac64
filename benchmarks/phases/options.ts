/** The options of `bench phases`. */
import { architectures } from '../../models/index.ts';
import { parseCount } from '../../src/cli/numbers.ts';
import { type MethodName, methods } from '../../src/train/index.ts';
import { KEEP_NAMES, type KeepOptions, keepOptions } from '../keep.ts';
import { chosen, one, readOptions } from '../options.ts';

export const ENGINES = ['onnxruntime', 'tensorflow'] as const;
export type EngineName = (typeof ENGINES)[number];
const DEVICES = ['auto', 'cpu', 'cuda'] as const;
const METHODS = Object.keys(methods) as MethodName[];

/** Images per mini-batch where nothing else is asked for: what two cores do in time, and as many as `bench methods` trains with. */
const BATCHES: Readonly<Record<string, number>> = { 'mnist-cnn': 128, 'wrn-34-10': 8 };
const BATCH = 16;

export interface PhasesOptions extends KeepOptions {
  readonly models: readonly string[];
  readonly engines: readonly EngineName[];
  readonly device: (typeof DEVICES)[number];
  /** Whose phases. */
  readonly methods: readonly MethodName[];
  /** Images per mini-batch. @default each model's own */
  readonly batch?: number;
  readonly rounds: number;
  /** After so long a model on an engine gets no further round, once it has three. */
  readonly seconds: number;
  /** @default the number of cores */
  readonly threads?: number;
}

const DEFAULTS = {
  models: 'mnist-cnn,resnet18,resnet50,wrn-28-4,vgg16',
  engine: ENGINES.join(','),
  device: 'auto',
  methods: 'natural,pgd,gaat,dat,dat+gaat,free,fast,deat',
  rounds: '10',
  seconds: '50',
};
const NAMES = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  ...(['batch', 'threads', 'html', ...KEEP_NAMES] as const),
];

export const batchOf = (model: string, { batch }: Pick<PhasesOptions, 'batch'>): number =>
  batch ?? BATCHES[model] ?? BATCH;

/**
 * @param argv as `--models a,b --batch 32`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): PhasesOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  const counted = (name: 'batch' | 'threads') =>
    given[name] === undefined ? {} : { [name]: parseCount(given[name], name) };
  return {
    models: chosen('models', given.models, Object.keys(architectures)),
    engines: chosen('engine', given.engine, ENGINES),
    device: one('device', given.device, DEVICES),
    methods: given.methods === 'all' ? METHODS : chosen('methods', given.methods, METHODS),
    rounds: parseCount(given.rounds, 'rounds'),
    seconds: parseCount(given.seconds, 'seconds'),
    ...counted('batch'),
    ...counted('threads'),
    ...keepOptions(given),
  };
}
