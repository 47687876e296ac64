import { defineCommand } from 'citty';
import pc from 'picocolors';
import { table } from 'table';
import { formatShape } from '../../graph/index.ts';
import type { CheckReport } from '../../runs/check-run.ts';
import { attackArgs, subjectRequest } from '../attack-args.ts';
import { commonArgs, contextOf } from '../common.ts';
import { parseShape } from '../numbers.ts';

const { output, preprocess } = attackArgs;

export const command = defineCommand({
  meta: { name: 'check', description: 'what kind of model is this, and can attacks on it be believed?' },
  args: {
    model: { type: 'positional', description: 'an .onnx file', required: true },
    data: { type: 'string', description: 'real images to check with (default: noise)', valueHint: 'D' },
    output,
    image: {
      type: 'string',
      description: 'shape of one image, where the model leaves it open',
      valueHint: 'CxHxW',
    },
    preprocess,
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const { checkRun } = await import('../../runs/check-run.ts');
    const report = await checkRun({
      model: args.model,
      ...(args.data === undefined ? {} : { data: args.data }),
      ...subjectRequest(args),
      ...(args.image === undefined ? {} : { image: parseShape(args.image, 'image') }),
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

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The first few of a list, and how many more there are. */
const few = (list: readonly string[], most = 6): string =>
  list.length > most ? `${list.slice(0, most).join(', ')} and ${list.length - most} more` : list.join(', ');

function cardTable(report: CheckReport): string {
  const { path, sha256, bytes, card, accuracy, wrongRange, findings } = report;
  const { input, output } = card;
  const trained = card.trainable.map(({ name, shape }) => `${name} [${shape.join('×')}]`);
  const rows: [string, string][] = [
    ['model', path],
    ['sha256', sha256],
    ['size', `${(bytes / 1e6).toFixed(2)} MB, ${card.parameters.toLocaleString('en')} parameters`],
    ['producer', `${card.producer}, operator set ${card.opset}, IR ${card.irVersion}`],
    ['input', `${input.name} ${formatShape(input.shape)} ${input.dtype}, ${input.layout}`],
    [
      'output',
      `${output.name} ${formatShape(output.shape)}, ${card.outputKind}, ${card.classes || '?'} classes`,
    ],
    ['operators', card.operators.map(([op, n]) => `${op} ×${n}`).join(', ')],
    ['trainable', `${trained.length} tensors: ${few(trained, 4)}`],
  ];
  if (card.outputs.length > 1)
    rows.push(['other outputs', few(card.outputs.filter((o) => o !== output.name))]);
  if (accuracy !== null) rows.push(['accuracy', `${percent(accuracy)} of the first images`]);
  if (wrongRange)
    rows.push([
      pc.red('range'),
      `${percent(wrongRange.accuracy)} with --preprocess ${wrongRange.preprocessing}: the model seems to expect that`,
    ]);
  if (card.unsupported.length > 0) rows.push([pc.red('no gradient'), few(card.unsupported)]);
  if (card.zeroGradients.length > 0)
    rows.push([pc.yellow('zero gradient'), `the true gradient is zero through ${few(card.zeroGradients)}`]);
  if (card.tellsPaths > 0)
    rows.push([
      pc.yellow('privacy'),
      `${card.tellsPaths} nodes carry file paths of the machine it was made on`,
    ]);
  for (const f of findings) rows.push([COLOURS[f.verdict](f.verdict), `${f.title}: ${f.message}`]);
  return table(rows, { columns: { 1: { width: 80, wrapWord: true } } });
}
