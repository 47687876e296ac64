import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { TouchstoneError } from '../../errors.ts';
import { hasNvidiaGpu } from '../../setup/gpu.ts';
import { PassCounter } from '../counter.ts';
import type { Engine, EngineOptions, Executable } from '../engine.ts';
import { iterating } from '../iterate.ts';
import { SessionByBatch } from './by-batch.ts';
import { cudaIsSetUp } from './cuda.ts';
import { lowered, type Runtime } from './lower.ts';
import { createTrainer } from './trainer.ts';

export { lowered } from './lower.ts';
export { filePredictor, type Predictor } from './predictor.ts';
export { Session } from './session.ts';

const version = (): string => {
  const meta: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json');
  return typeof meta === 'object' && meta !== null && 'version' in meta ? String(meta.version) : 'unknown';
};

/**
 * The default engine: onnxruntime, with gradients computed by our own ONNX-to-ONNX autodiff.
 *
 * @throws E_ENGINE where CUDA is asked for and not set up
 */
export function onnxruntimeEngine(options: EngineOptions = {}): Engine {
  const wanted = options.device ?? 'auto';
  if (wanted === 'cuda' && !cudaIsSetUp())
    throw new TouchstoneError(
      'E_ENGINE',
      'no CUDA provider',
      'one beside onnxruntime-node',
      'run `npm run setup:cuda`, or use --device cpu',
    );
  const device = wanted === 'cuda' || (wanted === 'auto' && cudaIsSetUp() && hasNvidiaGpu()) ? 'cuda' : 'cpu';
  const runtime: Runtime = {
    device,
    threads: options.threads ?? availableParallelism(),
    counter: new PassCounter(),
  };
  const open = new Set<Executable>();

  return {
    name: 'onnxruntime',
    device,
    threads: runtime.threads,
    versions: { 'onnxruntime-node': version() },
    counts: () => runtime.counter.read(),
    async compile(program) {
      const session = await SessionByBatch.create(lowered(program, device), runtime);
      const run: Executable['run'] = (feeds) => {
        runtime.counter.count(program, feeds);
        return session.run(feeds);
      };
      const executable: Executable = {
        run,
        iterate: iterating(run),
        async close() {
          if (open.delete(executable)) await session.close();
        },
      };
      open.add(executable);
      return executable;
    },
    trainer: (training) => createTrainer(runtime, training),
    async close() {
      for (const executable of [...open]) await executable.close();
    },
  };
}
