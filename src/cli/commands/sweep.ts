import { defineCommand } from 'citty';
import { parsePreprocessing } from '../../eval/index.ts';
import { commandLine, commonArgs, contextOf } from '../common.ts';
import { parseNorm, radiusParser } from '../norms.ts';
import { parseCount, parseNumbers } from '../numbers.ts';

export const command = defineCommand({
  meta: { name: 'sweep', description: 'robust accuracy over radii, steps, step sizes and restarts' },
  args: {
    model: { type: 'positional', description: 'the classifier, an .onnx file', required: true },
    data: {
      type: 'string',
      description: 'mnist | mnist:DIR | cifar10:DIR | FILE.npz …',
      required: true,
      valueHint: 'D',
    },
    eps: {
      type: 'string',
      description: 'radii in pixel space, 0 included: 0,2/255,8/255,1',
      required: true,
      valueHint: 'a,b',
    },
    steps: { type: 'string', description: 'steps (queries of square)', default: '10', valueHint: 'a,b' },
    'step-sizes': {
      type: 'string',
      description: 'as multiples of ε (default: 2.5/steps, at most 1)',
      valueHint: 'a,b',
    },
    restarts: { type: 'string', description: 'random restarts (default 1)', valueHint: 'a,b' },
    norm: { type: 'string', description: 'linf | l2 | l1', default: 'linf' },
    attack: { type: 'string', description: 'what attacks', default: 'pgd', valueHint: 'NAME' },
    limit: { type: 'string', description: 'attack the first N images (default 1000)', valueHint: 'N' },
    fresh: {
      type: 'string',
      description: 'attack N images anew in every cell (default 100)',
      valueHint: 'N',
    },
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
    out: { type: 'string', description: 'folder for sweep.json and sweep.html', valueHint: 'DIR' },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const norm = parseNorm(args.norm);
    const epsilons = parseNumbers(args.eps, 'eps', radiusParser(norm, { zero: true }));
    const counts = (text: string, option: string) => parseNumbers(text, option, parseCount);
    const { sweepRun } = await import('../../runs/sweep-run.ts');
    const result = await sweepRun({
      model: args.model,
      data: args.data,
      norm,
      epsilons,
      steps: counts(args.steps, 'steps'),
      ...(args['step-sizes'] === undefined
        ? {}
        : { stepSizes: parseNumbers(args['step-sizes'], 'step-sizes', radiusParser('l2')) }),
      ...(args.restarts === undefined ? {} : { restarts: counts(args.restarts, 'restarts') }),
      attack: args.attack,
      ...(args.limit === undefined ? {} : { limit: parseCount(args.limit, 'limit') }),
      ...(args.fresh === undefined ? {} : { fresh: parseCount(args.fresh, 'fresh', 0) }),
      ...(args.output === undefined ? {} : { output: args.output }),
      ...(args.preprocess === undefined ? {} : { preprocessing: parsePreprocessing(args.preprocess) }),
      ...(args.out === undefined ? {} : { out: args.out }),
      seed: context.seed,
      engine: await context.engine(),
      commandLine: commandLine(),
      onProgress: (stage, fraction) => context.progress.update(stage, fraction),
      signal: context.signal,
    });
    context.progress.end();
    await context.json(result);
    const { sweepTable } = await import('../../report/index.ts');
    context.print(sweepTable(result, { colour: process.stdout.isTTY === true }));
    if (args.out !== undefined) context.print(`page: ${args.out}/sweep.html`);
    return 0;
  },
});
