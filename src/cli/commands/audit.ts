import { defineCommand } from 'citty';
import { parsePreprocessing } from '../../eval/index.ts';
import { writeFileAtomic } from '../../io/index.ts';
import { commandLine, commonArgs, contextOf } from '../common.ts';
import { parseNorm, radiusParser } from '../norms.ts';
import { parseCount, parseDuration, parseList, parseShare } from '../numbers.ts';

export const command = defineCommand({
  meta: { name: 'audit', description: 'attack a classifier within ε and report what is left' },
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
      description: 'radius in pixel space: 8/255 or 0.03',
      required: true,
      valueHint: 'E',
    },
    norm: { type: 'string', description: 'linf | l2 | l1', default: 'linf' },
    attacks: {
      type: 'string',
      description:
        'comma-separated; or autoattack, autoattack-plus, autoattack-rand, auto (default: the cheap ones)',
      valueHint: 'a,b',
    },
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
    const norm = parseNorm(args.norm);
    const radius = radiusParser(norm);
    const threat = { norm, epsilon: radius(args.eps, 'eps') };
    const bar = args['min-robust'] === undefined ? 0 : parseShare(args['min-robust'], 'min-robust');
    const count = (name: 'steps' | 'restarts' | 'limit' | 'eot') =>
      args[name] === undefined ? undefined : parseCount(args[name], name);
    const stepSize = args['step-size'] === undefined ? undefined : radius(args['step-size'], 'step-size');
    const given = { steps: count('steps'), restarts: count('restarts'), stepSize };
    const parameters = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined));
    const [limit, eot] = [count('limit'), count('eot')];
    const budget = args.budget === undefined ? undefined : parseDuration(args.budget, 'budget');

    const { auditRun } = await import('../../runs/audit-run.ts');
    const result = await auditRun({
      model: args.model,
      data: args.data,
      threat,
      ...(args.attacks === undefined ? {} : { attacks: parseList(args.attacks) }),
      parameters,
      ...(limit === undefined ? {} : { limit }),
      ...(eot === undefined ? {} : { eot }),
      ...(budget === undefined ? {} : { budget }),
      ...(args.output === undefined ? {} : { output: args.output }),
      ...(args.preprocess === undefined ? {} : { preprocessing: parsePreprocessing(args.preprocess) }),
      ...(args.out === undefined ? {} : { out: args.out }),
      seed: context.seed,
      engine: await context.engine(),
      commandLine: commandLine(),
      onProgress: (stage, fraction) => context.progress.update(stage, fraction),
      onNotice: (line) => context.progress.line(line),
      signal: context.signal,
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
