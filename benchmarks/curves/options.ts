/** The options of `bench curves`. */
import { chosen, readOptions } from '../options.ts';
import { RUNS_DEFAULTS, RUNS_NAMES, type RunsOptions, runsOptions } from '../runs/options.ts';
import { FIGURE_NAMES, type FigureName } from './figures/index.ts';

export interface CurvesOptions extends RunsOptions {
  readonly figures: readonly FigureName[];
}

const DEFAULTS = { ...RUNS_DEFAULTS, figures: FIGURE_NAMES.join(','), out: 'runs/bench-curves' };
const NAMES = [...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]), ...RUNS_NAMES] as const;

/**
 * @param argv as `--figures gaat-1,deat-4 --epochs 5`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): CurvesOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  return { ...runsOptions(given), figures: chosen('figures', given.figures, FIGURE_NAMES) };
}
