import { join } from 'node:path';
import { TouchstoneError } from '../errors.ts';
import { type Reporter, SetupFailure } from './failure.ts';
import { type Host, thisHost } from './host.ts';
import { lastLine } from './run.ts';

export interface CudaOptions {
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
  /** @default this machine */
  readonly host?: Host;
}

/**
 * Fetches onnxruntime's CUDA provider with onnxruntime-node's own script, and passes on what that prints.
 *
 * @throws E_UNSUPPORTED where the provider does not exist for this machine; SetupFailure where the script fails
 */
export async function setUpCuda({ reporter, signal, host = thisHost() }: CudaOptions): Promise<void> {
  if (host.platform !== 'linux' || host.arch !== 'x64')
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `onnxruntime's CUDA provider on ${host.platform} ${host.arch}`,
      'Linux on x64',
      'use --device cpu',
    );
  const folder = host.packageFolder('onnxruntime-node');
  if (!folder) throw new TouchstoneError('E_ENGINE', 'no onnxruntime-node', 'all dependencies', 'npm ci');
  const script = join(folder, 'script', 'install.js');
  const { code, stderr } = await host.run(host.execPath, [script, '--onnxruntime-node-install=cuda12'], {
    onLine: (line) => reporter.line(line),
    ...(signal ? { signal } : {}),
  });
  signal?.throwIfAborted();
  if (code === 0) return;
  const error = /^(?:\w*Error): (.*)$/m.exec(stderr)?.[1] ?? lastLine(stderr);
  throw new SetupFailure(
    `onnxruntime's own script could not fetch the CUDA provider (${error})`,
    'see to the network, then run the command again',
  );
}
