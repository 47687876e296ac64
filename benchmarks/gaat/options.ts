/** The options of `bench gaat`. */
import { architectures } from '../../models/index.ts';
import { parseCount, parseNumbers, parseRadius } from '../../src/cli/numbers.ts';
import { chosen, readOptions } from '../options.ts';
import { RUNS_DEFAULTS, RUNS_NAMES, type RunsOptions, runsOptions } from '../runs/options.ts';
import { gaatRuns } from './runs.ts';

export interface GaatOptions extends RunsOptions {
  /** Those of `gaatRuns` that are wanted. */
  readonly runs: readonly string[];
  /** Networks for coloured images that are trained by GAAT, too, on digits of that size. */
  readonly models: readonly string[];
  /** Radii at which the approximation is looked at, in pixel space. */
  readonly epsilons: readonly number[];
  /** In which each run takes a mini-batch, to be timed. */
  readonly rounds: number;
}

const COLOURED = Object.values(architectures).filter(({ input }) => input[0] === 3);
const names = COLOURED.map(({ name }) => name as string);

const DEFAULTS = {
  ...RUNS_DEFAULTS,
  runs: gaatRuns.map(({ name }) => name).join(','),
  models: 'conv4',
  rounds: '15',
  eps: '0.01,0.03,0.1,0.2,0.3',
  out: 'runs/bench-gaat',
};
const NAMES = [...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]), ...RUNS_NAMES, 'html'] as const;

/**
 * @param argv as `--epochs 5 --runs gaat,rat-10`; `--models none` for no other network
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): GaatOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  return {
    ...runsOptions(given),
    runs: chosen(
      'runs',
      given.runs,
      gaatRuns.map(({ name }) => name),
    ),
    models: chosen('models', given.models, [...names, 'none']).filter((name) => name !== 'none'),
    rounds: parseCount(given.rounds, 'rounds', 3),
    epsilons: parseNumbers(given.eps, 'eps', (text, option) => parseRadius(text, option, 1)),
  };
}
