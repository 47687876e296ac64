import { existsSync } from 'node:fs';
import type { Host } from './host.ts';

/**
 * The NVIDIA GPUs that the driver lists.
 *
 * @returns their names; empty where there is none, or no driver
 */
export async function nvidiaGpus(host: Host): Promise<string[]> {
  const { code, stdout } = await host.run('nvidia-smi', ['-L'], { timeout: 30_000 });
  const names = [...stdout.matchAll(/^GPU \d+: (.*?)(?: \(UUID.*)?$/gm)].map(([, name]) => name!.trim());
  if (code === 0 && names.length > 0) return names;
  // In a container the program may be missing, and the device be there.
  return host.exists('/dev/nvidiactl') && host.exists('/dev/nvidia0') ? ['an NVIDIA GPU'] : [];
}

/** Whether a driver is loaded, as far as its device files tell at once; beyond Linux the provider itself has to. */
export const hasNvidiaGpu = (): boolean => process.platform !== 'linux' || existsSync('/dev/nvidiactl');
