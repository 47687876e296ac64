import { defineCommand } from 'citty';
import { attackArgs, attackRequest, subjectRequest } from '../attack-args.ts';
import { commonArgs, contextOf, surroundings } from '../common.ts';
import { parseList } from '../numbers.ts';

const { data, eps, norm, steps, restarts, limit, preprocess } = attackArgs;

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
    data,
    eps,
    norm,
    attacks: { type: 'string', description: 'comma-separated (default: pgd,pgd-margin)', valueHint: 'a,b' },
    steps,
    'step-size': attackArgs['step-size'],
    restarts,
    limit,
    preprocess: {
      ...preprocess,
      description: 'what all the models want done to pixels in [0, 1]: imagenet, 0..255, mean=…/std=…',
    },
    out: { type: 'string', description: 'folder for transfer.json and transfer.html', valueHint: 'DIR' },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const request = { ...attackRequest(args), ...subjectRequest(args) };
    const { transferRun } = await import('../../runs/transfer-run.ts');
    const result = await transferRun({
      targets: parseList(args.target),
      sources: parseList(args.sources),
      data: args.data,
      ...request,
      ...(args.attacks === undefined ? {} : { attacks: parseList(args.attacks) }),
      ...(await surroundings(context)),
    });
    context.progress.end();
    await context.json(result);
    const { transferTable } = await import('../../report/index.ts');
    context.print(transferTable(result, { colour: process.stdout.isTTY === true }));
    if (args.out !== undefined) context.print(`page: ${args.out}/transfer.html`);
    return 0;
  },
});
