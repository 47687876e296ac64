import { createRequire } from 'node:module';
import { availableParallelism, homedir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import fs from 'fs-extra';
import { type Run, run } from './run.ts';

/** What the set-up and the doctor ask of the machine. Tests make machines that lack this or that. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  /** Version of the C library, where it is glibc. */
  readonly glibc: string | undefined;
  readonly nodeVersion: string;
  /** The Node-API version that this Node offers. */
  readonly napi: number;
  readonly execPath: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly run: Run;
  exists(path: string): boolean;
  /** Bytes that can be written to the file system that a folder lies on, or would. */
  freeBytes(folder: string): number;
  /** The folder of an installed npm package. */
  packageFolder(name: string): string | undefined;
}

export const thisHost = (): Host => ({
  platform: process.platform,
  arch: process.arch,
  glibc: glibcVersion(),
  nodeVersion: process.versions.node,
  napi: Number(process.versions.napi),
  execPath: process.execPath,
  home: homedir(),
  env: process.env,
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  run,
  exists: fs.existsSync,
  freeBytes,
  packageFolder,
});

/** Undefined beyond Linux and where the C library is another one (musl). */
function glibcVersion(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  // Else it looks up host names, which can take seconds. Node 20's type does not know it yet.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime;
}

function freeBytes(folder: string): number {
  let nearest = folder;
  while (!fs.existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  const { bavail, bsize } = fs.statfsSync(nearest);
  return bavail * bsize;
}

function packageFolder(name: string): string | undefined {
  // Not by resolving: a package may be there and still not export its package.json.
  const places = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return places
    .map((place) => join(place, name))
    .find((folder) => fs.existsSync(join(folder, 'package.json')));
}

/** `20.19` against `20.9.1`: whether a dotted version is at least another. */
export function atLeast(version: string, wanted: string): boolean {
  const [a, b] = [version, wanted].map((v) => v.split('.').map((part) => Number.parseInt(part, 10) || 0));
  for (const [i, part] of b!.entries()) {
    const own = a![i] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}
