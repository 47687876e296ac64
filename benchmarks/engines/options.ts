/** The options of `bench engines`. */
import { parseArgs } from 'node:util';
import { architectures } from '../../models/index.ts';
import { parseCount, parseList } from '../../src/cli/numbers.ts';
import { TouchstoneError } from '../../src/errors.ts';
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

export interface EnginesOptions {
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
  /** Where the record goes. */
  readonly record?: string;
}

const DEFAULTS = {
  models: 'mnist-cnn,resnet18,mobilenet-v2,vit',
  engines: ENGINES.join(','),
  device: 'auto',
  phases: phaseNames.join(','),
  rounds: '11',
};

/**
 * @param argv as `--models a,b --batch 32`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): EnginesOptions {
  const given = { ...DEFAULTS, ...read(argv) };
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
    ...(given.record === undefined ? {} : { record: given.record }),
  };
}

function read(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = { models: text, batch: text, engines: text, device: text, phases: text, rounds: text };
  try {
    const more = { seconds: text, threads: text, record: text };
    return parseArgs({ args: [...argv], options: { ...options, ...more } }).values;
  } catch (cause) {
    const [reason] = String(cause instanceof Error ? cause.message : cause).split('. ');
    throw new TouchstoneError('E_OPTION', reason!, 'the options of bench --help', undefined, { cause });
  }
}

/** Of a list as typed, what there is: each once, at least one. */
function chosen<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  const names = [...new Set(parseList(text))];
  const found = names.map((name) => known.find((k) => k === name));
  const unknown = names.find((_, i) => found[i] === undefined);
  if (unknown !== undefined || names.length === 0)
    throw new TouchstoneError('E_OPTION', `--${option} ${unknown ?? text}`, known.join(', '));
  return found as T[];
}

function one<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((k) => k === text);
  if (found === undefined) throw new TouchstoneError('E_OPTION', `--${option} ${text}`, known.join(', '));
  return found;
}

/** What the phases are, a line each. */
export const legend = (phases: readonly Phase[]): string =>
  phases.map((p) => `  ${p.padEnd(12)}  ${PHASES[p]}`).join('\n');
