import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { TouchstoneError } from '../../errors.ts';
import { loadTensorflow } from '../../setup/load-tensorflow.ts';
import { tensorflowSetup } from '../../setup/tensorflow-state.ts';
import type { EngineOptions } from '../engine.ts';

/** `native` is libtensorflow, `js` tfjs's own kernels in JavaScript: slow, and there without any set-up. */
export type BackendName = 'native' | 'js';

export interface Backend {
  readonly name: BackendName;
  readonly device: 'cpu' | 'cuda';
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
}

interface Wanted {
  readonly device: 'auto' | 'cpu' | 'cuda';
  readonly threads: number;
}

const require = createRequire(import.meta.url);
let loaded: Backend | undefined;

/**
 * Loads a backend of tfjs; a process has one, with the threads and the device that its first engine asked for.
 *
 * @throws E_ENGINE where the native part is not set up, or another backend is loaded
 */
export async function loadBackend(
  name: BackendName,
  { device = 'auto', threads = availableParallelism() }: EngineOptions,
): Promise<Backend> {
  if (loaded && loaded.name !== name)
    throw new TouchstoneError(
      'E_ENGINE',
      `tfjs already runs on its ${loaded.name} backend`,
      'one per process',
    );
  loaded ??= name === 'js' ? await loadJs() : loadNative({ device, threads });
  return loaded;
}

async function loadJs(): Promise<Backend> {
  // It registers the backend, and the gradients, which the core alone has not.
  require('@tensorflow/tfjs');
  tf.env().set('PROD', true); // no advertisement of its other backends
  await tf.setBackend('cpu');
  return { name: 'js', device: 'cpu', threads: 1, versions: { 'tfjs-core': tf.version_core } };
}

function loadNative({ device, threads }: Wanted): Backend {
  const setup = tensorflowSetup();
  if (setup.state !== 'ready') throw new TouchstoneError('E_ENGINE', setup.reason, undefined, setup.remedy);
  // TensorFlow reads these when it is loaded; what the user has set stays.
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES ??= '-1';
  const { version, gpu } = loadTensorflow();
  return {
    name: 'native',
    device: gpu ? 'cuda' : 'cpu',
    threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || threads,
    versions: { tensorflow: version, 'tfjs-core': tf.version_core },
  };
}
