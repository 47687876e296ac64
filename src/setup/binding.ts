import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { sha256, writeFileAtomic } from '../io/index.ts';
import { SetupFailure } from './failure.ts';
import type { Host } from './host.ts';
import {
  type BindingPlace,
  bindingPlace,
  changedPart,
  LIBRARIES,
  type Manifest,
  readManifest,
} from './tensorflow-state.ts';
import type { Compiler } from './tools.ts';
import { TENSORFLOW, type Variant } from './wheels.ts';

const SOURCES = ['tfjs_backend.cc', 'tfjs_binding.cc'] as const;
/** What loads the binding without the noise that libtensorflow makes meanwhile. */
const QUIET = fileURLToPath(new URL('./quiet_binding.cc', import.meta.url));

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

/** What is compiled: the binding, and what stands in its place and loads it. */
export interface Built {
  readonly binding: string;
  readonly native: string;
}

const library = (napi: number) => ['-O2', '-std=c++17', '-shared', '-fPIC', `-DNAPI_VERSION=${napi}`];

/** The compiler's arguments: as the package's binding.gyp, with the wheel's libraries for the package's own. */
export function compileArguments(
  { headers, packageFolder, libraries }: Pick<Build, 'headers' | 'packageFolder' | 'libraries'>,
  napi: number,
  to: string,
): string[] {
  const sources = join(packageFolder, 'binding');
  return [
    ...library(napi),
    ...[headers, sources, packageFolder, join(libraries, 'include')].flatMap((folder) => ['-I', folder]),
    ...SOURCES.map((name) => join(sources, name)),
    ...['-L', libraries, ...LIBRARIES.map((name) => `-l:${name}`)],
    // Not -Wl, which would cut the path at a comma.
    ...['-Xlinker', '-rpath', '-Xlinker', libraries],
    ...['-o', to],
  ];
}

/** The arguments for what loads it; nothing but the C library and C++'s is linked. */
export const loaderArguments = (headers: string, napi: number, to: string): string[] => [
  ...library(napi),
  ...['-I', headers, QUIET, '-ldl', '-o', to],
];

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
    readFileSync(QUIET),
  ]);
}

/**
 * Compiles the binding and what loads it, where the same were not compiled before.
 *
 * @param folder to keep them in
 * @param scratch on the same file system
 * @returns their paths, and whether they were compiled now
 * @throws SetupFailure where the compiler fails
 */
export async function buildBinding(
  build: Build,
  { folder, scratch }: { folder: string; scratch: string },
): Promise<Built & { built: boolean }> {
  const { host, packageFolder, headers } = build;
  const { napi } = bindingPlace(packageFolder, host.napi);
  const key = buildKey(build, napi).slice(0, 16);
  const [binding, native] = [join(folder, `binding-${key}.node`), join(folder, `native-${key}.node`)];
  if (fs.existsSync(binding) && fs.existsSync(native)) return { binding, native, built: false };
  const unfinished = join(scratch, 'tfjs_binding.node');
  await compile(build, compileArguments(build, napi, unfinished));
  await fs.rename(unfinished, native);
  await compile(build, loaderArguments(headers, napi, unfinished));
  await fs.rename(unfinished, binding);
  return { binding, native, built: true };
}

async function compile({ host, compiler, signal }: Build, args: readonly string[]): Promise<void> {
  const { command, before } = compiler;
  const { code, stderr } = await host.run(command, [...before, ...args], signal ? { signal } : {});
  signal?.throwIfAborted();
  if (code !== 0) throw compileFailure(compiler, stderr);
}

function compileFailure({ version }: Compiler, stderr: string): SetupFailure {
  const error = stderr.split('\n').find((line) => /error|cannot find|undefined reference/i.test(line));
  return new SetupFailure(
    `${version} could not compile the binding (${(error ?? stderr.split('\n')[0] ?? '').trim()})`,
    'set CXX to another compiler, g++ 9 or clang++ 9 at least',
  );
}

/**
 * Puts what was compiled where tfjs-node looks for it, with its manifest: a second where all else is there, as after
 * a new `npm ci`.
 *
 * @returns whether another one, or none, was there before
 * @throws E_WRITE where the package's folder cannot be written to
 */
export async function installBinding(
  built: Built,
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
  const [binding, native] = await Promise.all([fs.readFile(built.binding), fs.readFile(built.native)]);
  const place = bindingPlace(packageFolder, napi);
  const manifest: Manifest = {
    tensorflow: TENSORFLOW,
    variant,
    package: place.version,
    binding: sha256(binding),
    native: sha256(native),
    libraries,
  };
  if (isInstalled(place, manifest)) return false;
  await writeFileAtomic(place.native, native);
  await writeFileAtomic(place.binding, binding);
  await writeFileAtomic(place.manifest, `${JSON.stringify(manifest, null, 2)}\n`);
  return true;
}

export async function uninstallBinding(packageFolder: string, napi: number): Promise<void> {
  const { binding, native, manifest } = bindingPlace(packageFolder, napi);
  await Promise.all([manifest, binding, native].map((path) => fs.remove(path)));
}

const isInstalled = (place: BindingPlace, wanted: Manifest): boolean =>
  JSON.stringify(readManifest(place)) === JSON.stringify(wanted) && changedPart(place, wanted) === undefined;
