import { TouchstoneError } from '../../errors.ts';
import { PassCounter } from '../counter.ts';
import type { Engine, EngineOptions } from '../engine.ts';
import { type BackendName, loadBackend } from './backend.ts';
import { executable } from './executable.ts';
import { createTrainer } from './trainer.ts';

export { unsupportedOps } from './ops/index.ts';

export interface TensorflowOptions extends EngineOptions {
  /** @default 'native' */
  readonly backend?: BackendName;
}

/**
 * The second engine: tfjs interprets the graph, on libtensorflow's kernels, and differentiates it with `tf.grads`.
 *
 * @throws E_ENGINE where libtensorflow is not set up, or CUDA is asked for and TensorFlow sees no GPU
 */
export async function tensorflowEngine(options: TensorflowOptions = {}): Promise<Engine> {
  const { backend: name = 'native', device = 'auto' } = options;
  const backend = await loadBackend(name, options);
  if (device === 'cuda' && backend.device !== 'cuda')
    throw new TouchstoneError(
      'E_ENGINE',
      'TensorFlow sees no GPU',
      'one',
      'run `npm run setup:tensorflow -- --gpu` on a machine with one, or use --device cpu',
    );
  const counter = new PassCounter();
  const open = new Set<{ close(): Promise<void> }>();

  return {
    name: 'tensorflow',
    device: backend.device,
    threads: backend.threads,
    versions: backend.versions,
    counts: () => counter.read(),
    async compile(program) {
      const compiled = executable(program, counter);
      open.add(compiled);
      return compiled;
    },
    async trainer(training) {
      const trainer = await createTrainer(training, counter);
      open.add(trainer);
      return trainer;
    },
    async close() {
      for (const each of [...open]) await each.close();
      open.clear();
    },
  };
}
