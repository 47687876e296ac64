import { defineCommand } from 'citty';
import { parsePreprocessing } from '../../eval/index.ts';
import { commandLine, commonArgs, contextOf } from '../common.ts';
import { parseNorm, radiusParser } from '../norms.ts';
import { parseCount, parseList } from '../numbers.ts';

export const command = defineCommand({
  meta: {
    name: 'transfer',
    description: 'try examples that are made on other models, beside white-box ones',
  },
  args: {
    target: {
      type: 'string',
      description: 'the classifier that they are tried on, an .onnx file (or several)',
      required: true,
      valueHint: 'F.onnx',
    },
    sources: {
      type: 'string',
      description: 'those that they are made on; the target is one, too',
      required: true,
      valueHint: 'A.onnx,B.onnx',
    },
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
    attacks: { type: 'string', description: 'comma-separated (default: pgd,pgd-margin)', valueHint: 'a,b' },
    steps: { type: 'string', description: 'steps of iterative attacks (default 40)', valueHint: 'N' },
    'step-size': { type: 'string', description: 'their step size (default ε/10)', valueHint: 'A' },
    restarts: { type: 'string', description: 'their random restarts (default 1)', valueHint: 'N' },
    limit: { type: 'string', description: 'attack the first N images (default 1000)', valueHint: 'N' },
    preprocess: {
      type: 'string',
      description: 'what all the models want done to pixels in [0, 1]: imagenet, 0..255, mean=…/std=…',
      valueHint: 'P',
    },
    out: { type: 'string', description: 'folder for transfer.json and transfer.html', valueHint: 'DIR' },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const norm = parseNorm(args.norm);
    const radius = radiusParser(norm);
    const threat = { norm, epsilon: radius(args.eps, 'eps') };
    const parameters = {
      ...(args.steps === undefined ? {} : { steps: parseCount(args.steps, 'steps') }),
      ...(args.restarts === undefined ? {} : { restarts: parseCount(args.restarts, 'restarts') }),
      ...(args['step-size'] === undefined ? {} : { stepSize: radius(args['step-size'], 'step-size') }),
    };
    const { transferRun } = await import('../../runs/transfer-run.ts');
    const result = await transferRun({
      targets: parseList(args.target),
      sources: parseList(args.sources),
      data: args.data,
      threat,
      ...(args.attacks === undefined ? {} : { attacks: parseList(args.attacks) }),
      parameters,
      ...(args.limit === undefined ? {} : { limit: parseCount(args.limit, 'limit') }),
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
    const { transferTable } = await import('../../report/index.ts');
    context.print(transferTable(result, { colour: process.stdout.isTTY === true }));
    if (args.out !== undefined) context.print(`page: ${args.out}/transfer.html`);
    return 0;
  },
});
