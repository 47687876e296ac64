import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';

/** The machine a number was measured on. */
export interface Machine {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
}

export const machine = (): Machine => ({
  node: process.versions.node,
  platform: `${platform()} ${release()} ${arch()}`,
  cpu: cpus()[0]?.model.trim() || 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
});

/** The version of an installed package, or `unknown`. */
export function packageVersion(name: string): string {
  try {
    const meta: unknown = createRequire(import.meta.url)(`${name}/package.json`);
    return typeof meta === 'object' && meta !== null && 'version' in meta ? String(meta.version) : 'unknown';
  } catch {
    return 'unknown';
  }
}

/** The folder of this package: the nearest one above that holds its package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!fs.existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** This tool, as a result names it. The commit is there only in a checkout. */
export function tool(): { name: string; version: string; gitCommit?: string } {
  const root = packageRoot();
  const { version } = fs.readJsonSync(join(root, 'package.json')) as { version: string };
  const commit = fs.existsSync(join(root, '.git')) ? gitCommit(root) : undefined;
  return { name: 'touchstone', version, ...(commit === undefined ? {} : { gitCommit: commit }) };
}

/** HEAD's hash, with `-dirty` where tracked files are changed. */
function gitCommit(folder: string): string | undefined {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '-dirty' : '');
  } catch {
    return undefined; // no git, or no commit yet
  }
}
