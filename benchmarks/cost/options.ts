/** The options of `bench cost`. */
import { parseCount } from '../../src/cli/numbers.ts';
import { type MethodName, methods } from '../../src/train/index.ts';
import { chosen, readOptions } from '../options.ts';
import { TRAINING_DEFAULTS, TRAINING_NAMES, type TrainingOptions, trainingOptions } from '../runs/options.ts';

/** The data are images that the MNIST network fits. */
export interface CostOptions extends TrainingOptions {
  readonly methods: readonly MethodName[];
  /** How often a run is held to time its phases. */
  readonly rounds: number;
}

const DEFAULTS = { ...TRAINING_DEFAULTS, methods: Object.keys(methods).join(','), rounds: '40' };
const NAMES = [...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]), ...TRAINING_NAMES] as const;

/**
 * @param argv as `--methods a,b --limit 6400`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): CostOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  return {
    ...trainingOptions(given),
    methods: chosen('methods', given.methods, Object.keys(methods) as MethodName[]),
    rounds: parseCount(given.rounds, 'rounds', 3),
  };
}
