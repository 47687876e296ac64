import { defineCommand } from 'citty';
import { attackArgs, subjectRequest } from '../attack-args.ts';
import { commonArgs, contextOf, surroundings } from '../common.ts';
import { parseNorm, radiusParser } from '../norms.ts';
import { parseCount, parseNumbers } from '../numbers.ts';

const { model, data, eps, norm, limit, output, preprocess } = attackArgs;

export const command = defineCommand({
  meta: { name: 'sweep', description: 'robust accuracy over radii, steps, step sizes and restarts' },
  args: {
    model,
    data,
    eps: { ...eps, description: 'radii in pixel space, 0 included: 0,2/255,8/255,1', valueHint: 'a,b' },
    steps: { type: 'string', description: 'steps (queries of square)', default: '10', valueHint: 'a,b' },
    'step-sizes': {
      type: 'string',
      description: 'as multiples of ε (default: 2.5/steps, at most 1)',
      valueHint: 'a,b',
    },
    restarts: { type: 'string', description: 'random restarts (default 1)', valueHint: 'a,b' },
    norm,
    attack: { type: 'string', description: 'what attacks', default: 'pgd', valueHint: 'NAME' },
    limit,
    fresh: {
      type: 'string',
      description: 'attack N images anew in every cell (default 100)',
      valueHint: 'N',
    },
    output,
    preprocess,
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
      ...(args.fresh === undefined ? {} : { fresh: parseCount(args.fresh, 'fresh', 0) }),
      ...subjectRequest(args),
      ...(await surroundings(context)),
    });
    context.progress.end();
    await context.json(result);
    const { sweepTable } = await import('../../report/index.ts');
    context.print(sweepTable(result, { colour: process.stdout.isTTY === true }));
    if (args.out !== undefined) context.print(`page: ${args.out}/sweep.html`);
    return 0;
  },
});
