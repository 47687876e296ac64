import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import type { SetupResult } from '../../setup/index.ts';
import { commonArgs, contextOf } from '../common.ts';

const TARGETS = ['tensorflow', 'cuda'] as const;

export const command = defineCommand({
  meta: { name: 'setup', description: 'fetch what npm does not bring: TensorFlow, or CUDA for onnxruntime' },
  args: {
    target: { type: 'positional', description: TARGETS.join(' | '), required: true },
    gpu: { type: 'boolean', description: 'tensorflow: with CUDA, for an NVIDIA GPU' },
    force: { type: 'boolean', description: 'tensorflow --gpu: also where no GPU is' },
    ...commonArgs,
  },
  async run({ args }) {
    const target = TARGETS.find((t) => t === args.target);
    if (!target) throw new TouchstoneError('E_OPTION', `setup ${args.target}`, TARGETS.join(', '));
    const { gpu = false, force = false } = args;
    if (force && !gpu) throw new TouchstoneError('E_OPTION', '--force without --gpu', 'both');
    if (gpu && target === 'cuda') throw new TouchstoneError('E_OPTION', '--gpu for cuda', 'tensorflow');
    const context = contextOf(args);
    const { setUpCuda, setUpTensorflow } = await import('../../setup/index.ts');
    const common = { reporter: context.progress, signal: context.signal };
    if (target === 'tensorflow') {
      const result = await setUpTensorflow({ ...common, gpu, force });
      await context.json(result);
      context.print(summary(result));
      return 0;
    }
    await setUpCuda(common);
    const { cudaIsSetUp } = await import('../../engine/onnxruntime/cuda.ts');
    const setUp = cudaIsSetUp();
    await context.json({ setUp });
    context.print(setUp ? "onnxruntime's CUDA provider is set up" : 'no CUDA provider came of it');
    return setUp ? 0 : 1;
  },
});

function summary({ tensorflow, device, threads, seconds }: SetupResult): string {
  const steps = (['download', 'unpack', 'build', 'try'] as const)
    .filter((step) => seconds[step] >= 0.05)
    .map((step) => `${step} ${seconds[step].toFixed(1)}`);
  const where = device === 'CPU' ? `CPU, ${threads} threads` : device;
  return `TensorFlow ${tensorflow} on ${where}: ${seconds.total.toFixed(1)} s (${steps.join(', ')})`;
}
