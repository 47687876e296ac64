import { existsSync } from 'node:fs';

/** Whether a driver is loaded, as far as its device files tell; beyond Linux the provider itself has to. */
export const hasNvidiaGpu = (): boolean => process.platform !== 'linux' || existsSync('/dev/nvidiactl');
