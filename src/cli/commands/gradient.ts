import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import { parameterGradient } from '../../export/index.ts';
import { isLoss, losses } from '../../losses/index.ts';
import { commonArgs, contextOf } from '../common.ts';
import { parseList, parseShape, parseShare } from '../numbers.ts';

const WRT = ['input', 'parameters', 'both'] as const;

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
    smoothing: { type: 'string', description: 'label smoothing of the ce loss', valueHint: 'SHARE' },
    wrt: { type: 'string', description: `what it is the gradient by: ${WRT.join(' | ')}`, default: 'input' },
    parameters: {
      type: 'string',
      description: 'which initializers are parameters (default: all weights; `check` lists them)',
      valueHint: 'a,b',
    },
    hvp: { type: 'boolean', description: 'also the Hessian times an input v: output hvp' },
    output: {
      type: 'string',
      description: 'the output to differentiate (default: the first that is a score per class)',
      valueHint: 'NAME',
    },
    image: {
      type: 'string',
      description: 'shape of one image, where the model leaves it open',
      valueHint: 'CxHxW',
    },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const { loss } = args;
    if (!isLoss(loss))
      throw new TouchstoneError('E_OPTION', `--loss ${loss}`, Object.keys(losses).join(', '));
    const wrt = WRT.find((w) => w === args.wrt);
    if (!wrt) throw new TouchstoneError('E_OPTION', `--wrt ${args.wrt}`, WRT.join(', '));
    const { gradientRun } = await import('../../runs/gradient-run.ts');
    const report = await gradientRun({
      model: args.model,
      out: resolve(args.out),
      loss,
      wrt,
      hvp: args.hvp === true,
      device: args.device === 'cuda' ? 'cuda' : 'cpu',
      ...(args.smoothing === undefined ? {} : { smoothing: parseShare(args.smoothing, 'smoothing') }),
      ...(args.parameters === undefined ? {} : { parameters: parseList(args.parameters) }),
      ...(args.output === undefined ? {} : { output: args.output }),
      ...(args.image === undefined ? {} : { image: parseShape(args.image, 'image') }),
    });
    await context.json({ ...report, out: args.out });
    const { inputs, outputs, nodes, parameters, zeroGradients } = report;
    const fixed = outputs.filter((name) => !parameters.some((p) => name === parameterGradient(p)));
    const many = parameters.length > 0 ? `, and d_<name> for ${parameters.length} parameters` : '';
    context.print(
      `${args.out}: gradient of the ${loss} loss, ${nodes} nodes; inputs ${inputs.join(', ')}; outputs ${fixed.join(', ')}${many}`,
    );
    if (zeroGradients.length > 0)
      context.print(`warning: the true gradient is zero through ${zeroGradients.join(', ')}`);
  },
});
