import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Whether the CUDA provider's library lies beside onnxruntime's own. The package names the provider on every
 * Linux x64 machine, with or without it, so the file is what tells.
 */
export function cudaIsSetUp(): boolean {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const binaries = join(root, 'bin');
  const builds = existsSync(binaries) ? readdirSync(binaries) : [];
  return builds.some((build) => {
    const folder = join(binaries, build, process.platform, process.arch);
    return existsSync(folder) && readdirSync(folder).some((name) => name.includes('providers_cuda'));
  });
}
