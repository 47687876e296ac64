import type { Store } from '../store.ts';
import { openFolderStore } from './folder.ts';

/** How a store is opened. */
export interface StoreOptions {
  /** Makes a folder a store where it is none yet. A worker does not. @default true */
  readonly create?: boolean;
}

/**
 * @param spec a folder, or `s3://bucket/prefix`, whose endpoint and keys are in the environment
 * @throws TouchstoneError E_OPTION, E_FILE or E_WRITE where it cannot be opened
 */
export async function openStore(spec: string, options: StoreOptions = {}): Promise<Store> {
  if (!/^s3:/i.test(spec)) return openFolderStore(spec, options);
  const { openS3Store } = await import('./s3.ts');
  return openS3Store(spec, process.env);
}
