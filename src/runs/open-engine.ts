import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';

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
  if (engine === 'tensorflow')
    throw new TouchstoneError(
      'E_ENGINE',
      'the tensorflow engine is not part of this version',
      'onnxruntime',
      'leave --engine out',
    );
  const { onnxruntimeEngine } = await import('../engine/onnxruntime/index.ts');
  return onnxruntimeEngine({ device, ...(threads === undefined ? {} : { threads }) });
}
