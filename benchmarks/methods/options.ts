/** The options of `bench methods`. */
import { type MethodName, methods } from '../../src/train/index.ts';
import { chosen, readOptions } from '../options.ts';
import { RUNS_DEFAULTS, RUNS_NAMES, type RunsOptions, runsOptions } from '../runs/options.ts';

/** The data are images that the network of the settings fits; each method has a folder in `out`. */
export interface MethodsOptions extends RunsOptions {
  readonly methods: readonly MethodName[];
}

const DEFAULTS = { ...RUNS_DEFAULTS, methods: Object.keys(methods).join(','), out: 'runs/bench-methods' };
const NAMES = [...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]), ...RUNS_NAMES, 'html'] as const;

/**
 * @param argv as `--methods pgd,gaat --epochs 5`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): MethodsOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  return {
    ...runsOptions(given),
    methods: chosen('methods', given.methods, Object.keys(methods) as MethodName[]),
  };
}
