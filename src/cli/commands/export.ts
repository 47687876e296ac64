import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import { commonArgs, contextOf } from '../common.ts';

export const command = defineCommand({
  meta: { name: 'export', description: "write a run's model for deployment, once it is proven equal" },
  args: {
    dir: { type: 'positional', description: 'the folder of a training run', required: true },
    out: { type: 'string', description: 'the .onnx file to write', required: true, valueHint: 'FILE' },
    data: {
      type: 'string',
      description: 'images of the proof (default: the test images of the run)',
      valueHint: 'D',
    },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const { exportRun } = await import('../../runs/export-run.ts');
    const data = args.data === undefined ? {} : { data: args.data };
    const proof = await exportRun({
      dir: args.dir,
      out: resolve(args.out),
      engine: await context.engine(),
      ...data,
    });
    await context.json({ out: args.out, parity: proof });
    context.print(
      `${args.out}: logits on ${proof.images} images differ by at most ${proof.maxDifference.toExponential(1)} (largest ${proof.scale.toFixed(1)}), all predictions the same`,
    );
  },
});
