import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fs from 'fs-extra';
import { sha256, writeFileAtomic } from '../io/index.ts';
import { SetupFailure } from './failure.ts';
import type { Host } from './host.ts';
import {
  type BindingPlace,
  bindingPlace,
  LIBRARIES,
  type Manifest,
  readManifest,
} from './tensorflow-state.ts';
import type { Compiler } from './tools.ts';
import { TENSORFLOW, type Variant } from './wheels.ts';

const SOURCES = ['tfjs_backend.cc', 'tfjs_binding.cc'] as const;

export interface Build {
  readonly host: Host;
  readonly compiler: Compiler;
  /** The folder of node_api.h. */
  readonly headers: string;
  /** Of tfjs-node, whose C++ is compiled. */
  readonly packageFolder: string;
  /** Holds libtensorflow and its headers; the binding gets its absolute path to find it by. */
  readonly libraries: string;
  readonly signal?: AbortSignal;
}

/** The compiler's arguments: as the package's binding.gyp, with the wheel's libraries for the package's own. */
export function compileArguments(
  { headers, packageFolder, libraries }: Pick<Build, 'headers' | 'packageFolder' | 'libraries'>,
  napi: number,
  to: string,
): string[] {
  const sources = join(packageFolder, 'binding');
  return [
    ...['-O2', '-std=c++17', '-shared', '-fPIC', `-DNAPI_VERSION=${napi}`],
    ...[headers, sources, packageFolder, join(libraries, 'include')].flatMap((folder) => ['-I', folder]),
    ...SOURCES.map((name) => join(sources, name)),
    ...['-L', libraries, ...LIBRARIES.map((name) => `-l:${name}`)],
    // Not -Wl, which would cut the path at a comma.
    ...['-Xlinker', '-rpath', '-Xlinker', libraries],
    ...['-o', to],
  ];
}

/** A name for a build: another compiler, other sources or another place of the libraries give another. */
export function buildKey(
  { compiler, packageFolder, libraries }: Pick<Build, 'compiler' | 'packageFolder' | 'libraries'>,
  napi: number,
): string {
  const folder = join(packageFolder, 'binding');
  const sources = fs.readdirSync(folder).sort();
  const parts = [compiler.version, libraries, TENSORFLOW, napi, ...sources];
  return sha256([
    Buffer.from(JSON.stringify(parts)),
    ...sources.map((name) => readFileSync(join(folder, name))),
  ]);
}

/**
 * Compiles the binding, where the same was not compiled before.
 *
 * @param folder to keep it in
 * @param scratch on the same file system
 * @returns its path, and whether it was compiled now
 * @throws SetupFailure where the compiler fails
 */
export async function buildBinding(
  build: Build,
  { folder, scratch }: { folder: string; scratch: string },
): Promise<{ path: string; built: boolean }> {
  const { host, compiler, packageFolder, signal } = build;
  const { napi } = bindingPlace(packageFolder, host.napi);
  const path = join(folder, `binding-${buildKey(build, napi).slice(0, 16)}.node`);
  if (fs.existsSync(path)) return { path, built: false };
  const unfinished = join(scratch, 'tfjs_binding.node');
  const { code, stderr } = await host.run(
    compiler.command,
    [...compiler.before, ...compileArguments(build, napi, unfinished)],
    signal ? { signal } : {},
  );
  signal?.throwIfAborted();
  if (code !== 0) throw compileFailure(compiler, stderr);
  await fs.rename(unfinished, path);
  return { path, built: true };
}

function compileFailure({ version }: Compiler, stderr: string): SetupFailure {
  const error = stderr.split('\n').find((line) => /error|cannot find|undefined reference/i.test(line));
  return new SetupFailure(
    `${version} could not compile the binding (${(error ?? stderr.split('\n')[0] ?? '').trim()})`,
    'set CXX to another compiler, g++ 9 or clang++ 9 at least',
  );
}

/**
 * Puts a compiled binding where tfjs-node looks for it, with its manifest: a second where all else is there, as after
 * a new `npm ci`.
 *
 * @returns whether another one, or none, was there before
 * @throws E_WRITE where the package's folder cannot be written to
 */
export async function installBinding(
  path: string,
  {
    packageFolder,
    libraries,
    variant,
    napi,
  }: {
    packageFolder: string;
    libraries: string;
    variant: Variant;
    napi: number;
  },
): Promise<boolean> {
  const bytes = await fs.readFile(path);
  const place = bindingPlace(packageFolder, napi);
  const binding = sha256(bytes);
  const manifest: Manifest = { tensorflow: TENSORFLOW, variant, package: place.version, binding, libraries };
  if (isInstalled(place, manifest)) return false;
  await writeFileAtomic(place.binding, bytes);
  await writeFileAtomic(place.manifest, `${JSON.stringify(manifest, null, 2)}\n`);
  return true;
}

export async function uninstallBinding(packageFolder: string, napi: number): Promise<void> {
  const { binding, manifest } = bindingPlace(packageFolder, napi);
  await Promise.all([fs.remove(manifest), fs.remove(binding)]);
}

const isInstalled = (place: BindingPlace, wanted: Manifest): boolean =>
  JSON.stringify(readManifest(place)) === JSON.stringify(wanted) &&
  fs.existsSync(place.binding) &&
  sha256(readFileSync(place.binding)) === wanted.binding;
