import { join } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import { buildBinding, installBinding, uninstallBinding } from './binding.ts';
import { cacheFolder, variantFolder, withScratch } from './cache.ts';
import { downloadWheel, size } from './download.ts';
import type { Reporter } from './failure.ts';
import { nvidiaGpus } from './gpu.ts';
import { atLeast, type Host, thisHost } from './host.ts';
import { TFJS } from './tensorflow-state.ts';
import { type Compiler, findCompiler, findHeaders, findPython, need, type Python } from './tools.ts';
import { isUnpacked, unpackWheel } from './unpack.ts';
import { tryTensorflow } from './verify.ts';
import { GLIBC, TENSORFLOW, type Variant, WHEELS, type Wheel } from './wheels.ts';

export interface SetupOptions {
  /** With CUDA; needs an NVIDIA driver. @default false */
  readonly gpu?: boolean;
  /** Sets the GPU variant up where there is no driver, as in an image that is built elsewhere. @default false */
  readonly force?: boolean;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
  /** @default this machine */
  readonly host?: Host;
}

export interface SetupResult {
  readonly tensorflow: string;
  readonly variant: Variant;
  /** What it computes on: a GPU's name or `CPU`. */
  readonly device: string;
  readonly threads: number;
  /** What was downloaded, and what takes how much room. */
  readonly folder: string;
  readonly downloadedBytes: number;
  readonly seconds: Readonly<Record<'download' | 'unpack' | 'build' | 'try' | 'total', number>>;
}

/** What it says of a GPU that the driver lists and TensorFlow passes over. */
const NO_GPU_USED = 'TensorFlow does not use the GPU: its driver may be too old (CUDA 12 needs 525 or newer)';

/** What is there and what has to be fetched, before anything is done. */
export interface Plan {
  readonly variant: Variant;
  readonly folder: string;
  readonly missing: readonly Wheel[];
  readonly downloadBytes: number;
  readonly unpackedBytes: number;
  /** At the worst moment: all that is unpacked, and the largest wheel in pip's hands, in its folder and unpacked. */
  readonly peakBytes: number;
}

/** The wheels that a variant needs on a machine. @throws E_UNSUPPORTED where there are none for it */
export function wheelsFor(host: Host, variant: Variant): readonly Wheel[] {
  const wheels = host.platform === 'linux' ? WHEELS[variant][host.arch] : undefined;
  const where = variant === 'gpu' ? 'Linux on x64' : 'Linux on x64 or arm64';
  const instead = 'use the onnxruntime engine, which needs no set-up';
  if (!wheels)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `TensorFlow ${variant === 'gpu' ? 'with CUDA ' : ''}on ${host.platform} ${host.arch}`,
      where,
      instead,
    );
  if (!host.glibc || !atLeast(host.glibc, GLIBC))
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      host.glibc ? `glibc ${host.glibc}` : 'a C library other than glibc',
      `glibc ${GLIBC} or newer`,
      instead,
    );
  return wheels;
}

const peak = (wheels: readonly Wheel[]): number =>
  wheels.reduce((total, w) => total + w.unpackedBytes, 0) + 2 * Math.max(0, ...wheels.map((w) => w.bytes));

/** Bytes that a new set-up takes at its worst moment; 0 where it cannot be set up. */
export const spaceNeeded = ({ arch }: Pick<Host, 'arch'>, variant: Variant): number =>
  peak(WHEELS[variant][arch] ?? []);

/** @throws E_UNSUPPORTED as `wheelsFor`; E_WRITE where the disk is too full */
export function plan(host: Host, variant: Variant): Plan {
  const cache = cacheFolder(host);
  const folder = variantFolder(cache, variant);
  const missing = wheelsFor(host, variant).filter((wheel) => !isUnpacked(wheel, folder));
  const sum = (of: (wheel: Wheel) => number) => missing.reduce((total, wheel) => total + of(wheel), 0);
  const unpackedBytes = sum((w) => w.unpackedBytes);
  const peakBytes = peak(missing);
  const free = host.freeBytes(cache);
  if (free < peakBytes)
    throw new TouchstoneError(
      'E_WRITE',
      `${size(free)} free at ${cache}`,
      `${size(peakBytes)}`,
      'free some, or set TOUCHSTONE_CACHE to a folder on another disk',
    );
  return { variant, folder, missing, downloadBytes: sum((w) => w.bytes), unpackedBytes, peakBytes };
}

/** What the set-up works with, all of it found before the first byte is fetched. */
interface Tools {
  readonly python: Python | undefined;
  readonly compiler: Compiler;
  readonly headers: string;
  readonly packageFolder: string;
  readonly gpus: readonly string[];
}

async function findTools(host: Host, { variant, missing }: Plan, force: boolean): Promise<Tools> {
  const packageFolder = host.packageFolder(TFJS);
  if (!packageFolder) throw new TouchstoneError('E_ENGINE', `no ${TFJS}`, 'all dependencies', 'npm ci');
  const gpus = variant === 'gpu' ? await nvidiaGpus(host) : [];
  if (variant === 'gpu' && gpus.length === 0 && !force)
    throw new TouchstoneError(
      'E_ENGINE',
      'no NVIDIA GPU, or no driver for it',
      'one that nvidia-smi lists',
      'leave --gpu out, or add --force to set it up all the same',
    );
  const python =
    missing.length > 0 ? need(await findPython(host), 'Python 3.10 or newer with pip') : undefined;
  const compiler = need(await findCompiler(host), 'g++ or clang++');
  const headers = need(findHeaders(host), "Node's headers");
  return { python, compiler, headers, packageFolder, gpus };
}

/**
 * Sets TensorFlow's native part up: libtensorflow from its Python wheel into the cache, the npm package's binding
 * compiled against it and put in place, and tried. What is there already is left as it is; what was interrupted goes on.
 *
 * @throws E_UNSUPPORTED, E_ENGINE, E_WRITE where this machine cannot, or lacks a tool; SetupFailure on the way
 */
export async function setUpTensorflow(options: SetupOptions): Promise<SetupResult> {
  const { reporter, host = thisHost(), gpu = false, force = false, signal } = options;
  const started = performance.now();
  const planned = plan(host, gpu ? 'gpu' : 'cpu');
  const { variant, folder } = planned;
  const tools = await findTools(host, planned, force);
  const seconds = { download: 0, unpack: 0, build: 0, try: 0, total: 0 };
  const timed = async <T>(step: keyof typeof seconds, work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const result = await work();
    seconds[step] += (performance.now() - from) / 1000;
    return result;
  };
  const common = { host, reporter, ...(signal ? { signal } : {}) };
  const libraries = join(folder, 'tensorflow');
  const binding = await withScratch(cacheFolder(host), async (scratch) => {
    await fs.ensureDir(folder);
    reporter.line(fetchLine(planned));
    for (const wheel of planned.missing) {
      const fetching = { ...common, python: tools.python! };
      const archive = await timed('download', () => downloadWheel(wheel, scratch, fetching));
      await timed('unpack', () => unpackWheel(wheel, { archive, scratch, folder }, fetching));
      await fs.remove(archive);
      if (planned.missing.length > 1) reporter.line(`    ${wheel.name} ${wheel.version}`);
    }
    reporter.line(`2/4 compile the binding with ${tools.compiler.version}`);
    const built = await timed('build', () =>
      buildBinding({ ...common, ...tools, libraries }, { folder, scratch }),
    );
    reporter.line(`3/4 put it in place${built.built ? '' : ' (it was compiled before)'}`);
    await installBinding(built, { packageFolder: tools.packageFolder, libraries, variant, napi: host.napi });
    return built;
  });
  reporter.line('4/4 try it: a convolution and its gradients');
  const tried = await timed('try', () => tryTensorflow(host, tools.packageFolder)).catch(async (error) => {
    // What does not run must not be taken for ready, nor be put in place once more.
    const { packageFolder } = tools;
    await Promise.all([
      ...[binding.binding, binding.native].map((path) => fs.remove(path)),
      uninstallBinding(packageFolder, host.napi),
    ]);
    throw error;
  });
  if (tools.gpus.length > 0 && !tried.gpu) reporter.line(`    ${NO_GPU_USED}`);
  seconds.total = (performance.now() - started) / 1000;
  return {
    tensorflow: tried.version,
    variant,
    device: tried.gpu ? tools.gpus.join(', ') || 'GPU' : 'CPU',
    threads: host.cores,
    folder,
    downloadedBytes: planned.downloadBytes,
    seconds,
  };
}

function fetchLine({ variant, missing, downloadBytes, unpackedBytes, folder }: Plan): string {
  const what = `TensorFlow ${TENSORFLOW}${variant === 'gpu' ? ' with CUDA' : ''}`;
  if (missing.length === 0) return `1/4 ${what} is in ${folder}`;
  const wheels = missing.length > 1 ? ` in ${missing.length} wheels` : '';
  return `1/4 download ${size(downloadBytes)}${wheels}: ${what}, ${size(unpackedBytes)} unpacked into ${folder}`;
}
