import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import { inspect } from '../../eval/index.ts';
import { gradientModel } from '../../export/index.ts';
import { readModelFile, writeModelFile } from '../../io/index.ts';
import { isLoss, losses } from '../../losses/index.ts';
import { commonArgs, contextOf } from '../common.ts';

export const command = defineCommand({
  meta: {
    name: 'gradient',
    description: 'write the gradient graph: inputs x, y; outputs logits, loss, gradient',
  },
  args: {
    model: { type: 'positional', description: 'the classifier, an .onnx file', required: true },
    out: {
      type: 'string',
      description: 'where to write the gradient graph',
      required: true,
      valueHint: 'FILE',
    },
    loss: { type: 'string', description: Object.keys(losses).join(' | '), default: 'ce' },
    output: {
      type: 'string',
      description: 'the output to differentiate (default: the first)',
      valueHint: 'NAME',
    },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    if (!isLoss(args.loss))
      throw new TouchstoneError('E_OPTION', `--loss ${args.loss}`, Object.keys(losses).join(', '));
    const { model } = await readModelFile(args.model);
    const { card, graph } = inspect(model, args.output === undefined ? {} : { output: args.output });
    const result = gradientModel(graph, card.logits, args.loss, args.device === 'cuda' ? 'cuda' : 'cpu');
    await writeModelFile(resolve(args.out), result);
    await context.json({
      model: args.model,
      out: args.out,
      loss: args.loss,
      nodes: result.graph.nodes.length,
    });
    context.print(
      `${args.out}: gradient of the ${args.loss} loss, ${result.graph.nodes.length} nodes; inputs x, y; outputs logits, loss, gradient`,
    );
  },
});
