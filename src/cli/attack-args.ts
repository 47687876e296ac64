import type { ArgsDef, ParsedArgs } from 'citty';
import { type AttackParameters, parsePreprocessing, type Threat } from '../eval/index.ts';
import { parseNorm, radiusParser } from './norms.ts';
import { parseCount } from './numbers.ts';

/** The options of commands that attack: each takes those that it has a use for, in its own order. */
export const attackArgs = {
  model: { type: 'positional', description: 'the classifier, an .onnx file', required: true },
  data: {
    type: 'string',
    description: 'mnist | mnist:DIR | cifar10:DIR | FILE.npz …',
    required: true,
    valueHint: 'D',
  },
  eps: {
    type: 'string',
    description: 'radius in pixel space: 8/255 or 0.03',
    required: true,
    valueHint: 'E',
  },
  norm: { type: 'string', description: 'linf | l2 | l1', default: 'linf' },
  steps: { type: 'string', description: 'steps of iterative attacks (default 40)', valueHint: 'N' },
  'step-size': { type: 'string', description: 'their step size (default ε/10)', valueHint: 'A' },
  restarts: { type: 'string', description: 'their random restarts (default 1)', valueHint: 'N' },
  limit: { type: 'string', description: 'attack the first N images (default 1000)', valueHint: 'N' },
  output: {
    type: 'string',
    description: 'the output that classifies (default: the first)',
    valueHint: 'NAME',
  },
  preprocess: {
    type: 'string',
    description: 'what the model wants done to pixels in [0, 1]: imagenet, 0..255, mean=…/std=…',
    valueHint: 'P',
  },
} as const satisfies ArgsDef;

type AttackArgs = ParsedArgs<typeof attackArgs>;

/** What is attacked within, and what the attacks are told. @throws E_OPTION */
export function attackRequest(args: Pick<AttackArgs, 'eps' | 'norm' | 'steps' | 'step-size' | 'restarts'>): {
  threat: Threat;
  parameters: AttackParameters;
} {
  const norm = parseNorm(args.norm);
  const radius = radiusParser(norm);
  const threat = { norm, epsilon: radius(args.eps, 'eps') };
  const parameters = {
    ...(args.steps === undefined ? {} : { steps: parseCount(args.steps, 'steps') }),
    ...(args.restarts === undefined ? {} : { restarts: parseCount(args.restarts, 'restarts') }),
    ...(args['step-size'] === undefined ? {} : { stepSize: radius(args['step-size'], 'step-size') }),
  };
  return { threat, parameters };
}

/** Which images, what of the model, and where to: what was said of these. @throws E_OPTION */
export const subjectRequest = ({
  limit,
  output,
  preprocess,
  out,
}: Partial<Pick<AttackArgs, 'limit' | 'output' | 'preprocess'>> & { readonly out?: string | undefined }) => ({
  ...(limit === undefined ? {} : { limit: parseCount(limit, 'limit') }),
  ...(output === undefined ? {} : { output }),
  ...(preprocess === undefined ? {} : { preprocessing: parsePreprocessing(preprocess) }),
  ...(out === undefined ? {} : { out }),
});
