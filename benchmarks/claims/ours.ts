/** What a claim's row is here: the recipe's settings, and what the row says beside them. */
import { parseNumber } from '../../src/cli/numbers.ts';
import {
  commonDefaults,
  isMethod,
  type MethodName,
  type MethodOptions,
  methodOptions,
  methods,
  type OptionName,
  type RecipeSettings,
  recipes,
} from '../../src/train/index.ts';
import type { Claim } from './load.ts';
import type { DataName } from './schema.ts';

/** A run as it would be trained here. */
export interface Ours extends Pick<MethodOptions, 'replays' | 'every' | 'naturalShare' | 'rivals'> {
  readonly method: MethodName;
  /** The architecture, as `--model` takes it. */
  readonly model: string;
  readonly data: DataName;
  readonly epsilon: number;
  readonly batchSize: number;
  /** Passes over the data; `free` has its replays beside them. */
  readonly epochs: number;
  /** T. */
  readonly steps: number;
  /** Ends when the data say so, at no epoch that is known before. */
  readonly endsEarly: boolean;
}

/** As `--data` takes them; those that have to be brought have a folder. */
export const DATA_OPTION: Readonly<Record<DataName, string>> = {
  MNIST: 'mnist',
  'CIFAR-10': 'cifar10:DIR',
  'CIFAR-100': 'cifar100:DIR',
};
/** Training images. */
export const IMAGES: Readonly<Record<DataName, number>> = {
  MNIST: 60_000,
  'CIFAR-10': 50_000,
  'CIFAR-100': 50_000,
};

/** Flags whose settings have other names; those of methods have their own table. */
const FLAGS: Readonly<Record<string, string>> = {
  'batch-size': 'batchSize',
  'step-size': 'stepSize',
  ...Object.fromEntries(Object.entries(methodOptions).map(([name, { flag }]) => [flag, name])),
};

const numberOr = (text: string | number, flag: string): string | number =>
  typeof text === 'string' && /^\d/.test(text) ? parseNumber(text, flag) : text;

/** A row's options, by the names of settings. */
const optionsOf = ({ options }: Pick<Claim, 'options'>): Record<string, string | number> =>
  Object.fromEntries(Object.entries(options).map(([flag, v]) => [FLAGS[flag] ?? flag, numberOr(v, flag)]));

/** The recipe with the options over it. */
export const settingsOf = (claim: Pick<Claim, 'recipe' | 'options'>): Partial<RecipeSettings> => ({
  ...(claim.recipe && recipes[claim.recipe].settings),
  ...optionsOf(claim),
});

/** Options that say how long and how hard, or what is compared anyway. */
const NOT_VARIED = ['method', 'model', 'epochs', 'batchSize', 'steps', 'beta'];

/** What tells the row from others of its method: λ, m, α, a rule of stopping. */
export const variedOf = (claim: Claim): readonly (readonly [setting: string, value: string | number])[] =>
  Object.entries(optionsOf(claim)).filter(([name]) => !NOT_VARIED.includes(name));

/** @returns null for a row that nothing here can train */
export function oursOf(claim: Claim): Ours | null {
  if (claim.why !== undefined || claim.method === null) return null;
  const settings = settingsOf(claim);
  const { method = claim.method, model = '', batchSize = 0, steps = 1 } = settings;
  if (!isMethod(method)) return null;
  const options = <N extends OptionName>(name: N): MethodOptions[N] =>
    (settings as Partial<MethodOptions>)[name] ??
    (methods[method] as { defaults?: Partial<MethodOptions> }).defaults?.[name] ??
    commonDefaults[name];
  const replays = options('replays');
  const allowance = settings.epochs ?? 0;
  return {
    ...{ method, model, batchSize, steps, replays, data: claim.data, epsilon: claim.epsilon },
    epochs: method === 'free' ? Math.ceil(allowance / replays) : allowance,
    every: options('every'),
    naturalShare: options('naturalShare'),
    rivals: options('rivals'),
    endsEarly: settings.stop !== undefined || claim.setting === 'early stopping',
  };
}

/** Mini-batches of a run's epoch, the last one smaller. */
export const batchesOf = ({ data, batchSize }: Pick<Ours, 'data' | 'batchSize'>): number =>
  Math.ceil(IMAGES[data] / batchSize);
