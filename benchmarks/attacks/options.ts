/** The options of `bench attacks`. */
import { parseCount, parseRadius } from '../../src/cli/numbers.ts';
import { KEEP_NAMES, type KeepOptions, keepOptions } from '../keep.ts';
import { chosen, readOptions } from '../options.ts';
import { type BoutName, boutNames, TOOLS, type ToolName } from './bouts.ts';

export interface AttacksOptions extends KeepOptions {
  /** An .onnx file. */
  readonly model: string;
  /** As `loadData` takes it. */
  readonly data: string;
  /** Of L∞, in pixel space. */
  readonly epsilon: number;
  /** Of the first N images, those that the model classifies correctly are attacked. */
  readonly limit: number;
  readonly rounds: number;
  readonly tools: readonly ToolName[];
  readonly attacks: readonly BoutName[];
  /** @default the number of cores */
  readonly threads?: number;
}

const DEFAULTS = {
  model: 'models/zoo/mnist-pgd.onnx',
  data: 'mnist',
  eps: '0.2',
  limit: '1000',
  rounds: '9',
  tools: TOOLS.join(','),
  attacks: boutNames.join(','),
};
const NAMES = [
  ...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]),
  ...(['threads', 'html', ...KEEP_NAMES] as const),
];

/**
 * @param argv as `--tools touchstone,art --rounds 9`
 * @throws E_OPTION for what it does not know
 */
export function parseOptions(argv: readonly string[]): AttacksOptions {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  return {
    model: given.model,
    data: given.data,
    epsilon: parseRadius(given.eps, 'eps', 1),
    limit: parseCount(given.limit, 'limit'),
    rounds: parseCount(given.rounds, 'rounds'),
    tools: chosen('tools', given.tools, TOOLS),
    attacks: chosen('attacks', given.attacks, boutNames),
    ...(given.threads !== undefined && { threads: parseCount(given.threads, 'threads') }),
    ...keepOptions(given),
  };
}
