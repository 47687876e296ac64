import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { hasNvidiaGpu } from '../setup/gpu.ts';
import { tensorflowSetup } from '../setup/tensorflow-state.ts';

/** An engine as `--engine`, `--device` and `--threads` ask for it. */
export interface EngineRequest {
  readonly engine: string;
  readonly device: string;
  readonly threads?: number;
}

const ENGINES = ['auto', 'onnxruntime', 'tensorflow'];
const DEVICES = ['auto', 'cpu', 'cuda'] as const;

/**
 * Opens an engine by name; its native library is loaded only then.
 *
 * @throws E_OPTION for an unknown name, E_ENGINE where the engine is not set up
 */
export async function openEngine({ engine, device: wanted, threads }: EngineRequest): Promise<Engine> {
  if (!ENGINES.includes(engine))
    throw new TouchstoneError('E_OPTION', `--engine ${engine}`, ENGINES.join(', '));
  const device = DEVICES.find((d) => d === wanted);
  if (!device) throw new TouchstoneError('E_OPTION', `--device ${wanted}`, DEVICES.join(', '));
  const options = { device, ...(threads === undefined ? {} : { threads }) };
  if (engine === 'tensorflow' || (engine === 'auto' && prefersTensorflow(device))) {
    const { tensorflowEngine } = await import('../engine/tensorflow/index.ts');
    return tensorflowEngine(options);
  }
  const { onnxruntimeEngine } = await import('../engine/onnxruntime/index.ts');
  return onnxruntimeEngine(options);
}

/** TensorFlow is the choice where it is set up with a GPU: its values stay there between runs. */
function prefersTensorflow(device: (typeof DEVICES)[number]): boolean {
  if (device === 'cpu' || !hasNvidiaGpu()) return false;
  const setup = tensorflowSetup();
  return setup.state === 'ready' && setup.variant === 'gpu';
}
