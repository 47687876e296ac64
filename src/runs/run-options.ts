/** What a training run can be told, checked and completed with defaults. */

import { z } from 'zod';
import { type Architecture, architectures } from '../../models/index.ts';
import { checkLabels, type DataSet } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  COMMON,
  checkedOption,
  commonDefaults,
  isMethod,
  isRecipe,
  isSchedule,
  isStopRule,
  type Method,
  type MethodName,
  type MethodOptions,
  methodOptions,
  methods,
  type OptionName,
  recipes,
  type ScheduleName,
  type StopRuleName,
  schedules,
  stopRules,
} from '../train/index.ts';

/** All that `train` takes. What is left out comes from `recipe`, then from the defaults. */
export interface RunOptions extends Partial<Record<OptionName, string | number | undefined>> {
  /** A named recipe; what is given beside it wins. */
  readonly recipe?: string;
  /** `natural`, `pgd`, `gaat`. */
  readonly method?: string;
  /** The name of an architecture. */
  readonly model?: string;
  /** In its place: an ONNX classifier to go on from, which takes pixels in [0, 1]. */
  readonly init?: string;
  /** As `--data` takes it. */
  readonly data?: string;
  /** Only the first so many training images. @default all */
  readonly limit?: number;
  /** @default 10 */
  readonly epochs?: number;
  /** @default 512 for grey images, 128 for others */
  readonly batchSize?: number;
  /** Radius of the threat (L∞, pixel space, in (0, 1]). @default 0.1 for grey images, 8/255 for others */
  readonly epsilon?: number;
  /** T. @default 100 for grey images, 10 for others */
  readonly steps?: number;
  /** α, in pixel space. @default ε/10 for grey images, ε/8 for others */
  readonly stepSize?: number;
  /** Ends the run before it overfits, and keeps the epoch before: `pgd`, `magnitude`, `distance`. @default none */
  readonly stop?: string;
  /** The largest rate. @default 0.1 */
  readonly learningRate?: number;
  /** `cyclic`, `multistep` or `flat`. @default 'cyclic' */
  readonly schedule?: string;
  /** Epochs after which `multistep` multiplies the rate by gamma. @default [] */
  readonly milestones?: readonly number[];
  /** @default 0.1 */
  readonly gamma?: number;
  /** Share of the run at which `cyclic` is at its top. @default 0.4 */
  readonly peak?: number;
  /** Epochs. @default 0 */
  readonly warmup?: number;
  /** @default 0.9 */
  readonly momentum?: number;
  /** @default 2e-4 */
  readonly weightDecay?: number;
  /** How many classes the model tells apart. @default as many as the data has */
  readonly classes?: number;
  /** Pad 4, crop, flip. @default false */
  readonly augment?: boolean;
  /** Training images held out, the last ones; 0 for none. @default 1000, or a tenth of them where that is fewer */
  readonly validation?: number;
  /** Steps of the PGD on them. @default 10 */
  readonly validationSteps?: number;
  /** BatchNormalization while gradients are taken, `eval` or `train`. @default 'eval' */
  readonly bnMode?: string;
  /**
   * Ends the run after so many epochs in which the robust accuracy on the held-out images did not rise, and keeps the
   * most robust epoch's model as the checkpoint. @default never, and the last epoch's
   */
  readonly earlyStop?: number;
  /** Of each channel; baked into the model, whose input stays in [0, 1]. @default none */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** @default 0 */
  readonly seed?: number;
  /** `auto`, `onnxruntime`, `tensorflow`. @default 'auto' */
  readonly engine?: string;
  /** @default 'auto' */
  readonly device?: string;
  /** @default the number of cores */
  readonly threads?: number;
}

const numbers = z.array(z.number());

/** Of each option of a method, by the table that they are declared in. */
function optionSchema(): { [K in OptionName]: z.ZodType<MethodOptions[K]> } {
  const schemas = Object.keys(methodOptions).map((name) => {
    const spec = methodOptions[name as OptionName];
    return [name, spec.kind === 'choice' ? z.enum(spec.values) : z.number()];
  });
  return Object.fromEntries(schemas);
}

/** Every setting of a run that has a bearing on its weights, and flat: a result's `training.recipe`. */
export const runRecipe = z.object({
  recipe: z.string().nullable(),
  method: z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]),
  model: z.string(),
  /** Of the file that training began with; null for an architecture. */
  init: z.string().nullable().default(null),
  data: z.string(),
  limit: z.int().nullable(),
  epochs: z.int(),
  batchSize: z.int(),
  epsilon: z.number(),
  steps: z.int(),
  stepSize: z.number(),
  ...optionSchema(),
  stop: z.enum(Object.keys(stopRules) as [StopRuleName, ...StopRuleName[]]).nullable(),
  learningRate: z.number(),
  schedule: z.enum(Object.keys(schedules) as [ScheduleName, ...ScheduleName[]]),
  milestones: numbers,
  gamma: z.number(),
  peak: z.number(),
  warmup: z.number(),
  momentum: z.number(),
  weightDecay: z.number(),
  classes: z.int(),
  augment: z.boolean(),
  validation: z.int(),
  validationSteps: z.int(),
  bnMode: z.enum(['eval', 'train']),
  earlyStop: z.int().nullable(),
  mean: numbers.nullable(),
  std: numbers.nullable(),
  seed: z.int(),
});

export type RunRecipe = z.infer<typeof runRecipe>;

const wrong = (got: string, expected: string, remedy?: string) =>
  new TouchstoneError('E_OPTION', got, expected, remedy);

/** Looks a name up in a registry. @throws E_OPTION listing the known ones */
function known<T extends string>(
  what: string,
  name: string | undefined,
  is: (n: string) => n is T,
  names: object,
): T {
  if (name !== undefined && is(name)) return name;
  throw wrong(name === undefined ? `no ${what}` : `unknown ${what} '${name}'`, Object.keys(names).join(', '));
}

/** @throws E_RANGE */
function within(
  what: string,
  value: number,
  low: number,
  high: number,
  ends: 'open' | 'closed' = 'closed',
): number {
  const inside = value <= high && (ends === 'open' ? value > low : value >= low);
  if (Number.isFinite(value) && inside) return value;
  const range = high < Number.MAX_VALUE ? `${low} … ${high}` : `${low} or more`;
  throw new TouchstoneError('E_RANGE', `${what} of ${value}`, ends === 'open' ? `more than ${range}` : range);
}

/** @throws E_RANGE */
function whole(what: string, value: number, low: number): number {
  if (Number.isSafeInteger(value) && value >= low) return value;
  const range = low > Number.MIN_SAFE_INTEGER ? `an integer, ${low} or more` : 'an integer';
  throw new TouchstoneError('E_RANGE', `${what} of ${value}`, range);
}

function oneOf<T extends string>(what: string, value: string, values: readonly T[]): T {
  const found = values.find((v) => v === value);
  if (found !== undefined) return found;
  throw wrong(`${what} '${value}'`, values.join(' or '));
}

/** A recipe's settings with the given ones on top. @throws E_OPTION for an unknown recipe */
export function withRecipe(options: RunOptions): RunOptions {
  if (options.recipe === undefined) return options;
  const name = known('recipe', options.recipe, isRecipe, recipes);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { model, mean, std, ...settings }: Partial<RunOptions> = recipes[name].settings;
  // A file is in the place of all that describes a model.
  if (options.init !== undefined) return { ...settings, ...given };
  return { ...recipes[name].settings, ...given };
}

/** @throws E_OPTION listing the known ones */
export function architectureOf(name: string | undefined): Architecture {
  const found = Object.values<Architecture>(architectures).find((a) => a.name === name);
  if (found) return found;
  throw wrong(
    name === undefined ? 'no model' : `unknown model '${name}'`,
    Object.keys(architectures).join(', '),
  );
}

/** What can be told without the data. @throws E_OPTION */
export function namesOf(options: RunOptions): {
  method: MethodName;
  /** None where a file is in its place. */
  architecture: Architecture | undefined;
  data: string;
} {
  const method = known('method', options.method, isMethod, methods);
  if (options.init !== undefined && options.model !== undefined)
    throw wrong('both --model and --init', 'one of them');
  const architecture = options.init === undefined ? architectureOf(options.model) : undefined;
  if (!options.data) throw wrong('no data set', 'mnist, cifar10:DIR, FILE.npz …', 'pass --data');
  return { method, architecture, data: options.data };
}

/** The file that a run begins with, as far as its settings go. */
export interface InitialFile {
  /** Without its folders. */
  readonly name: string;
  readonly sha256: string;
  readonly classes: number;
}

/**
 * Completes and checks all settings.
 *
 * @param data the training images, already limited
 * @param initial what `init` names, read
 * @throws TouchstoneError E_OPTION, E_RANGE, E_SHAPE, E_LABELS
 */
export function resolveRecipe(options: RunOptions, data: DataSet, initial?: InitialFile): RunRecipe {
  const { method, architecture, data: spec } = namesOf(options);
  if (architecture) assertShape(architecture, data);
  const grey = data.shape[0] === 1;
  const epsilon = within('--eps', options.epsilon ?? (grey ? 0.1 : 8 / 255), 0, 1, 'open');
  const classes = whole('--classes', options.classes ?? initial?.classes ?? data.classes, 2);
  if (initial && classes !== initial.classes)
    throw wrong(`--classes ${classes} for a model of ${initial.classes}`, `${initial.classes}`);
  checkLabels(data, classes);
  const { mean = null, std = null } = options;
  if (initial && (mean || std))
    throw wrong('--mean or --std with --init', 'neither', 'a file that normalises has it in its graph');
  assertNormalisation(mean, std, data.shape[0]);
  const validation = whole('--validation', options.validation ?? Math.min(1000, Math.floor(data.n / 10)), 0);
  if (validation >= data.n)
    throw new TouchstoneError(
      'E_RANGE',
      `${validation} of ${data.n} images for validation`,
      'fewer',
      'pass --validation N',
    );
  const earlyStop = options.earlyStop === undefined ? null : whole('--early-stop', options.earlyStop, 1);
  if (earlyStop !== null && validation === 0)
    throw wrong('--early-stop without validation images', 'some', 'pass --validation 1000');
  const chosen = optionsFor(methods[method], options);
  const allowance = whole('--epochs', options.epochs ?? 10, 1);
  const epochs = methods[method].epochs?.(allowance, chosen) ?? allowance;
  const attack: Method['attack'] = methods[method].attack;
  return {
    recipe: options.recipe ?? null,
    method,
    model: architecture?.name ?? initial?.name ?? '',
    init: initial?.sha256 ?? null,
    data: spec,
    limit: options.limit ?? null,
    epochs,
    batchSize: whole('--batch-size', options.batchSize ?? (grey ? 512 : 128), 1),
    epsilon,
    steps: whole('--steps', options.steps ?? attack?.steps ?? (grey ? 100 : 10), 1),
    stepSize: within(
      '--step-size',
      options.stepSize ?? (attack?.stepSize ? attack.stepSize * epsilon : epsilon / (grey ? 10 : 8)),
      0,
      1,
      'open',
    ),
    ...chosen,
    stop: options.stop === undefined ? null : known('stop rule', options.stop, isStopRule, stopRules),
    learningRate: within('--lr', options.learningRate ?? 0.1, 0, Number.MAX_VALUE, 'open'),
    schedule: known('schedule', options.schedule ?? 'cyclic', isSchedule, schedules),
    milestones: (options.milestones ?? []).map((m) => within('--milestones', m, 0, Number.MAX_VALUE)),
    gamma: within('--gamma', options.gamma ?? 0.1, 0, 1, 'open'),
    peak: within('--peak', options.peak ?? 0.4, 0, 1),
    warmup: within('--warmup', options.warmup ?? 0, 0, epochs),
    momentum: within('--momentum', options.momentum ?? 0.9, 0, 1),
    weightDecay: within('--weight-decay', options.weightDecay ?? 2e-4, 0, 1),
    classes,
    augment: options.augment ?? false,
    validation,
    validationSteps: whole('--validation-steps', options.validationSteps ?? 10, 1),
    bnMode: oneOf('--bn-mode', options.bnMode ?? 'eval', ['eval', 'train']),
    earlyStop,
    mean: mean && [...mean],
    std: std && [...std],
    seed: whole('--seed', options.seed ?? 0, Number.MIN_SAFE_INTEGER),
  };
}

/** Its defaults, with what was given. @throws E_OPTION for an option that it does not look at */
function optionsFor(method: Method, given: RunOptions): MethodOptions {
  const names = Object.keys(methodOptions) as OptionName[];
  const own = new Set([...COMMON, ...Object.keys(method.defaults)]);
  const values = names.map((name) => {
    const value = given[name] ?? method.defaults[name] ?? commonDefaults[name];
    if (given[name] !== undefined && !own.has(name))
      throw wrong(
        `--${methodOptions[name].flag} with method ${method.name}`,
        `one of ${[...own].map((o) => `--${methodOptions[o as OptionName].flag}`).join(', ')}`,
      );
    return [name, checkedOption(name, value)] as const;
  });
  return Object.fromEntries(values) as MethodOptions;
}

function assertShape(architecture: Architecture, data: DataSet): void {
  const [got, wanted] = [data.shape.join('×'), architecture.input.join('×')];
  if (got === wanted) return;
  const fitting = Object.values(architectures).filter((a) => a.input.join('×') === got);
  throw new TouchstoneError(
    'E_SHAPE',
    `${data.name} has images of ${got}`,
    `${wanted} for ${architecture.name}`,
    fitting.length > 0 ? `use --model ${fitting.map((a) => a.name).join(' or ')}` : 'use another data set',
  );
}

function assertNormalisation(
  mean: readonly number[] | null,
  std: readonly number[] | null,
  channels: number,
): void {
  if (mean === null && std === null) return;
  if (mean?.length !== channels || std?.length !== channels)
    throw wrong(
      `${mean?.length ?? 0} means and ${std?.length ?? 0} deviations`,
      `${channels} of each, one per channel`,
    );
  for (const m of mean) within('--mean', m, 0, 1);
  for (const s of std) within('--std', s, 0, 1, 'open');
}
