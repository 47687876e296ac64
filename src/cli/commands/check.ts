import { defineCommand } from 'citty';
import pc from 'picocolors';
import { table } from 'table';
import { formatShape } from '../../graph/index.ts';
import type { CheckReport } from '../../runs/check-run.ts';
import { commonArgs, contextOf } from '../common.ts';

export const command = defineCommand({
  meta: { name: 'check', description: 'what kind of model is this, and can attacks on it be believed?' },
  args: {
    model: { type: 'positional', description: 'an .onnx file', required: true },
    data: { type: 'string', description: 'real images to check with (default: noise)', valueHint: 'D' },
    output: {
      type: 'string',
      description: 'the output that classifies (default: the first)',
      valueHint: 'NAME',
    },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const { checkRun } = await import('../../runs/check-run.ts');
    const report = await checkRun({
      model: args.model,
      ...(args.data === undefined ? {} : { data: args.data }),
      ...(args.output === undefined ? {} : { output: args.output }),
      seed: context.seed,
      engine: await context.engine(),
    });
    await context.json(report);
    context.print(cardTable(report));
    const failed = report.findings.some((f) => f.verdict === 'fail') || report.card.unsupported.length > 0;
    return failed ? 1 : 0;
  },
});

const COLOURS = { pass: pc.green, warn: pc.yellow, fail: pc.red } as const;

function cardTable({ path, sha256, bytes, card, accuracy, findings }: CheckReport): string {
  const rows: [string, string][] = [
    ['model', path],
    ['sha256', sha256],
    ['size', `${(bytes / 1e6).toFixed(2)} MB, ${card.parameters.toLocaleString('en')} parameters`],
    ['producer', `${card.producer}, operator set ${card.opset}, IR ${card.irVersion}`],
    ['input', `${card.input.name} ${formatShape(card.input.shape)} ${card.input.dtype}`],
    [
      'output',
      `${card.output.name} ${formatShape(card.output.shape)}, ${card.outputKind}, ${card.classes} classes`,
    ],
    ['operators', card.operators.map(([op, n]) => `${op} ×${n}`).join(', ')],
  ];
  if (accuracy !== null) rows.push(['accuracy', `${(100 * accuracy).toFixed(1)} % of the first images`]);
  if (card.unsupported.length > 0) rows.push(['no gradient through', card.unsupported.join(', ')]);
  for (const f of findings) rows.push([COLOURS[f.verdict](f.verdict), `${f.title}: ${f.message}`]);
  return table(rows, { columns: { 1: { width: 80, wrapWord: true } } });
}
