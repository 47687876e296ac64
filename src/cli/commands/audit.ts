import { defineCommand } from 'citty';
import { writeFileAtomic } from '../../io/index.ts';
import { attackArgs, attackRequest, subjectRequest } from '../attack-args.ts';
import { commonArgs, contextOf, surroundings } from '../common.ts';
import { parseCount, parseDuration, parseList, parseShare } from '../numbers.ts';

const { model, data, eps, norm, steps, restarts, limit, output, preprocess } = attackArgs;

export const command = defineCommand({
  meta: { name: 'audit', description: 'attack a classifier within ε and report what is left' },
  args: {
    model,
    data,
    eps,
    norm,
    attacks: {
      type: 'string',
      description:
        'comma-separated; or autoattack, autoattack-plus, autoattack-rand, auto (default: the cheap ones)',
      valueHint: 'a,b',
    },
    steps,
    'step-size': attackArgs['step-size'],
    restarts,
    limit,
    output,
    preprocess,
    out: {
      type: 'string',
      description: 'folder for result.json, report.html, adversarial.npz',
      valueHint: 'DIR',
    },
    eot: { type: 'string', description: 'average each gradient over N passes', valueHint: 'N' },
    budget: { type: 'string', description: 'stop after so long: 90s, 10m, 1h', valueHint: 'TIME' },
    summary: { type: 'string', description: 'write a summary in Markdown to FILE', valueHint: 'FILE' },
    robustbench: { type: 'string', description: 'write an entry for RobustBench to FILE', valueHint: 'FILE' },
    'min-robust': { type: 'string', description: 'exit 1 below this robust accuracy', valueHint: 'SHARE' },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const request = { ...attackRequest(args), ...subjectRequest(args) };
    const bar = args['min-robust'] === undefined ? 0 : parseShare(args['min-robust'], 'min-robust');
    const eot = args.eot === undefined ? undefined : parseCount(args.eot, 'eot');
    const budget = args.budget === undefined ? undefined : parseDuration(args.budget, 'budget');

    const { auditRun } = await import('../../runs/audit-run.ts');
    const result = await auditRun({
      model: args.model,
      data: args.data,
      ...request,
      ...(args.attacks === undefined ? {} : { attacks: parseList(args.attacks) }),
      ...(eot === undefined ? {} : { eot }),
      ...(budget === undefined ? {} : { budget }),
      ...(await surroundings(context)),
      onNotice: (line) => context.progress.line(line),
    });
    context.progress.end();
    await context.json(result);
    const { auditMarkdown, auditTable, robustBenchEntry } = await import('../../report/index.ts');
    if (args.summary !== undefined) await writeFileAtomic(args.summary, auditMarkdown(result));
    if (args.robustbench !== undefined)
      await writeFileAtomic(args.robustbench, `${JSON.stringify(robustBenchEntry(result), null, 2)}\n`);
    context.print(
      auditTable(result, { colour: process.stdout.isTTY === true, width: process.stdout.columns ?? 100 }),
    );
    if (args.out !== undefined) context.print(`report: ${args.out}/report.html`);
    if (!result.verifier.ok) return 1;
    return result.robustAccuracy < bar ? 1 : 0;
  },
});
