/** The options of `bench engines`. */
import { architectures } from '../../models/index.ts';
import { parseCount } from '../../src/cli/numbers.ts';
import { KEEP_NAMES, type KeepOptions, keepOptions } from '../keep.ts';
import { chosen, one, readOptions } from '../options.ts';
import { PHASES, type Phase, phaseNames } from './phases.ts';

export const ENGINES = ['onnxruntime', 'tensorflow', 'pytorch'] as const;
export type EngineName = (typeof ENGINES)[number];
const DEVICES = ['auto', 'cpu', 'cuda'] as const;
export type Device = (typeof DEVICES)[number];

/** Networks that PyTorch makes and exports: their forward pass and their gradient are timed. */
export const EXPORTED: readonly string[] = ['mobilenet-v2', 'vit'];

/** Images per batch where nothing else is asked for: what two cores do in about a second. */
const BATCHES: Readonly<Record<string, number>> = {
  'mnist-cnn': 512,
  resnet50: 16,
  'wrn-28-4': 16,
  'wrn-34-10': 4,
};
export const batchSizeOf = (model: string, { batch }: Pick<EnginesOptions, 'batch'>): number =>
  batch ?? BATCHES[model] ?? 32;

export interface EnginesOptions extends KeepOptions {
  readonly models: readonly string[];
  /** Images per batch. @default each model's own */
  readonly batch?: number;
  readonly engines: readonly EngineName[];
  readonly device: Device;
  readonly phases: readonly Phase[];
  readonly rounds: number;
  /** After so many seconds a model gets no further round, once it has three. */
  readonly seconds?: number;
  readonly threads?: number;
}

const DEFAULTS = {
  models: 'mnist-cnn,resnet18,mobilenet-v2,vit',
  engines: ENGINES.join(','),
  device: 'auto',
  phases: phaseNames.join(','),
  rounds: '11',
};
const NAMES = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  'batch',
  'seconds',
  'threads',
  ...KEEP_NAMES,
] as const;

/**
 * @param argv as `--models a,b --batch 32`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): EnginesOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  const optional = (name: 'batch' | 'seconds' | 'threads') =>
    given[name] === undefined ? {} : { [name]: parseCount(given[name], name) };
  return {
    models: chosen('models', given.models, [...Object.keys(architectures), ...EXPORTED]),
    engines: chosen('engines', given.engines, ENGINES),
    device: one('device', given.device, DEVICES),
    phases: chosen('phases', given.phases, phaseNames),
    rounds: parseCount(given.rounds, 'rounds'),
    ...optional('batch'),
    ...optional('seconds'),
    ...optional('threads'),
    ...keepOptions(given),
  };
}

/** What the phases are, a line each. */
export const legend = (phases: readonly Phase[]): string =>
  phases.map((p) => `  ${p.padEnd(12)}  ${PHASES[p]}`).join('\n');
