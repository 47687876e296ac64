/** What a method can be told beside the threat, T and α: one table, which the command line, recipes and docs are made from. */
import { TouchstoneError } from '../errors.ts';

interface Choice {
  readonly kind: 'choice';
  readonly flag: string;
  readonly values: readonly string[];
  readonly about: string;
}

interface Numeric {
  readonly kind: 'number' | 'integer';
  readonly flag: string;
  readonly low: number;
  readonly high?: number;
  readonly about: string;
}

export type OptionSpec = Choice | Numeric;

export const methodOptions = {
  start: {
    kind: 'choice',
    flag: 'start',
    values: ['zero', 'random'],
    about: 'where the perturbation starts: δ = 0, or uniform in the ball',
  },
  hessian: {
    kind: 'choice',
    flag: 'hessian',
    values: ['gauss-newton', 'none', 'diagonal', 'exact'],
    about: 'gaat: H in ∇ℓ(x + δ) ≈ J + Hδ',
  },
  surrogate: {
    kind: 'choice',
    flag: 'surrogate',
    values: ['ce', 'margin', 'deepfool'],
    about: 'gaat: the loss that the perturbation ascends, or a step to the nearest boundary',
  },
  probes: {
    kind: 'integer',
    flag: 'probes',
    low: 1,
    about: 'gaat with --hessian diagonal: Hessian products that the diagonal is estimated from',
  },
  residualLimit: {
    kind: 'number',
    flag: 'adaptive',
    low: 0,
    about: 'gaat: exact gradients while the mean R(x, δ) of eq. (4) is above this; 0 for never',
  },
  naturalShare: {
    kind: 'number',
    flag: 'natural-share',
    low: 0,
    high: 1,
    about: 'share of the epochs, the first ones, that train naturally (DAT: 0.5)',
  },
  replays: {
    kind: 'integer',
    flag: 'replays',
    low: 1,
    about: 'free: m, the passes over each mini-batch',
  },
  every: {
    kind: 'integer',
    flag: 'every',
    low: 0,
    about: 'deat: one replay more every so many epochs; 0: when the train accuracy passes --threshold',
  },
  threshold: {
    kind: 'number',
    flag: 'threshold',
    low: 0,
    high: 1,
    about: 'deat: the train accuracy at which a replay is added',
  },
  growth: {
    kind: 'number',
    flag: 'growth',
    low: 1,
    about: 'm-…: γ, how far above its threshold the gradients’ magnitude must rise for one step more',
  },
  patience: {
    kind: 'integer',
    flag: 'tau',
    low: 0,
    about: 'fat, f-…: τ, steps that a sample is attacked on after it is misclassified',
  },
  beta: { kind: 'number', flag: 'beta', low: 0, about: 'trades: β, the weight of the divergence' },
  lambda: {
    kind: 'number',
    flag: 'lambda',
    low: 0,
    about: 'mart: λ; efgsm with a reconstructor: λ of eq. (16)',
  },
  smoothing: {
    kind: 'number',
    flag: 'smoothing',
    low: 0,
    high: 0.999,
    about: 'label smoothing: the share of the label’s weight that all classes get',
  },
  decay: { kind: 'number', flag: 'decay', low: 0, high: 1, about: 'efgsm: how much of Γ is kept per epoch' },
  sigma: { kind: 'number', flag: 'sigma', low: 0, about: 'efgsm: deviation of κ, in units of ε' },
  rivals: {
    kind: 'integer',
    flag: 'rivals',
    low: 0,
    about:
      'efgsm: the other classes that Δ is the minimum over, a gradient each, largest logit first; 0 for all',
  },
  reach: {
    kind: 'choice',
    flag: 'reach',
    values: ['free', 'ball'],
    about: 'efgsm: where its step to the boundary may end: wherever it leads, or in the ε-ball',
  },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof methodOptions;

type ValueOf<S> = S extends { readonly kind: 'choice'; readonly values: readonly (infer V)[] } ? V : number;

/** A value for each option; what a method does not look at has no bearing. */
export type MethodOptions = { readonly [K in OptionName]: ValueOf<(typeof methodOptions)[K]> };

/** What holds where a method says nothing else. */
export const commonDefaults: MethodOptions = {
  start: 'zero',
  hessian: 'none',
  surrogate: 'ce',
  probes: 1,
  residualLimit: 0,
  naturalShare: 0,
  replays: 1,
  every: 0,
  threshold: 0.4,
  growth: 1.01,
  patience: 3,
  beta: 6,
  lambda: 5,
  smoothing: 0,
  decay: 0.95,
  sigma: 0.5,
  rivals: 0,
  reach: 'free',
};

/** Options that every method takes. */
export const COMMON: readonly OptionName[] = ['naturalShare', 'smoothing'];

/**
 * An option's value, checked.
 *
 * @throws E_OPTION for a choice that there is not, E_RANGE for a number out of its range
 */
export function checkedOption<K extends OptionName>(name: K, value: unknown): MethodOptions[K] {
  const spec: OptionSpec = methodOptions[name];
  if (spec.kind === 'choice') {
    if (spec.values.includes(String(value))) return value as MethodOptions[K];
    throw new TouchstoneError('E_OPTION', `--${spec.flag} '${value}'`, spec.values.join(' or '));
  }
  const { low, high = Number.POSITIVE_INFINITY, kind, flag } = spec;
  const fits = typeof value === 'number' && Number.isFinite(value) && value >= low && value <= high;
  if (fits && (kind === 'number' || Number.isInteger(value))) return value as MethodOptions[K];
  const range = high < Number.MAX_VALUE ? `${low} … ${high}` : `${low} or more`;
  throw new TouchstoneError(
    'E_RANGE',
    `--${flag} of ${value}`,
    kind === 'integer' ? `an integer, ${range}` : range,
  );
}
