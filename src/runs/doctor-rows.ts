/** What `touchstone doctor` looks at: a function per row, each of which asks the host that it is given. */
import { join } from 'node:path';
import {
  atLeast,
  cacheFolder,
  type Found,
  findCompiler,
  findPython,
  type Host,
  lastLine,
  nvidiaGpus,
  SetupFailure,
  size,
  spaceNeeded,
  type TensorflowSetup,
  type Tried,
  variantFolder,
} from '../setup/index.ts';

/**
 * `ok`; `missing`: of use on this machine, and not set up; `optional`: not there, and not needed here; `broken`: there,
 * and does not work.
 */
export type State = 'ok' | 'missing' | 'optional' | 'broken';

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly state: State;
  /** What was found, in words. */
  readonly found: string;
  /** The one command, or the one thing to do, that mends it. */
  readonly remedy?: string;
  /** Whether nothing works without it. */
  readonly required: boolean;
}

/** What cannot be told from a host's files and programs: the packages that this process can load. */
export interface Packages {
  /** The version that `engines` in package.json asks for, as in `>=20.19`. */
  readonly engines: string;
  /** Of onnxruntime-node. */
  readonly onnxruntime: string;
  /** Creates and runs a session of the least graph there is. */
  session(): Promise<void>;
  cudaIsSetUp(): boolean;
  tensorflow(): TensorflowSetup;
  /** Loads it in a child process and has it compute. */
  tryTensorflow(): Promise<Tried>;
  /** The folder of the checkout, where this is one. */
  readonly checkout: string | undefined;
}

type Detail = Omit<Row, 'id' | 'title' | 'required'>;

const row = (id: string, title: string, detail: Detail, required = false): Row => ({
  id,
  title,
  ...detail,
  required,
});

const ok = (found: string): Detail => ({ state: 'ok', found });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function nodeRow({ nodeVersion }: Host, { engines }: Packages): Row {
  const enough = atLeast(nodeVersion, engines.replace(/^>=\s*/, ''));
  const detail: Detail = enough
    ? ok(`${nodeVersion} (wants ${engines})`)
    : { state: 'broken', found: `${nodeVersion}, expected ${engines}`, remedy: 'install a newer Node' };
  return row('node', 'Node', detail, true);
}

export async function onnxruntimeRow({ onnxruntime, session }: Packages): Promise<Row> {
  const title = 'onnxruntime';
  try {
    await session();
    return row('onnxruntime', title, ok(`onnxruntime-node ${onnxruntime}, runs on the CPU`), true);
  } catch (error) {
    const found = `onnxruntime-node ${onnxruntime} does not run: ${lastLine(messageOf(error))}`;
    return row('onnxruntime', title, { state: 'broken', found, remedy: 'npm ci' }, true);
  }
}

export const gpuRow = (gpus: readonly string[]): Row =>
  row('gpu', 'GPU', gpus.length > 0 ? ok(gpus.join(', ')) : { state: 'optional', found: 'no NVIDIA GPU' });

export function cudaRow({ cudaIsSetUp }: Packages, gpus: readonly string[]): Row {
  const title = 'onnxruntime on CUDA';
  const setUp = cudaIsSetUp();
  if (setUp && gpus.length > 0) return row('cuda', title, ok('the provider is set up'));
  if (setUp)
    return row('cuda', title, { state: 'optional', found: 'the provider is set up, and no GPU is here' });
  if (gpus.length === 0)
    return row('cuda', title, { state: 'optional', found: 'not set up, and no GPU is here' });
  return row('cuda', title, { state: 'missing', found: 'not set up', remedy: 'npx touchstone setup cuda' });
}

export async function tensorflowRow(
  host: Host,
  { tensorflow, tryTensorflow }: Packages,
  gpus: readonly string[],
): Promise<Row> {
  const title = 'tensorflow engine';
  const setup = tensorflow();
  if (setup.state !== 'ready') {
    const state = setup.state === 'stale' ? 'broken' : 'missing';
    return row('tensorflow', title, { state, found: setup.reason, remedy: setup.remedy });
  }
  const what = `TensorFlow ${setup.version} for ${setup.variant === 'gpu' ? 'CUDA' : 'the CPU'}`;
  try {
    const { gpu } = await tryTensorflow();
    const found = `${what}, runs on ${gpu ? 'the GPU' : `the CPU, ${host.cores} threads`}`;
    if (gpu || gpus.length === 0) return row('tensorflow', title, ok(found));
    if (setup.variant === 'cpu')
      return row('tensorflow', title, {
        state: 'missing',
        found: `${found}; the GPU is not used`,
        remedy: 'npx touchstone setup tensorflow --gpu',
      });
    return row('tensorflow', title, {
      state: 'broken',
      found: `${found}, although a GPU is here`,
      remedy: 'update the NVIDIA driver (CUDA 12 needs 525 or newer)',
    });
  } catch (error) {
    const reason = error instanceof SetupFailure ? error.what : messageOf(error);
    const remedy = `rm -r ${variantFolder(cacheFolder(host), setup.variant)}, then set it up again`;
    return row('tensorflow', title, { state: 'broken', found: `${what}: ${reason}`, remedy });
  }
}

/** A tool that only the set-up of tensorflow and the tests want. */
function toolRow(id: string, title: string, found: Found<unknown>, needed: boolean): Row {
  if (found.ok) return row(id, title, ok(found.about));
  const state = needed ? 'missing' : 'optional';
  return row(id, title, { state, found: found.problem, remedy: found.remedy });
}

export const compilerRow = async (host: Host, needed: boolean): Promise<Row> =>
  toolRow('compiler', 'C++ compiler', await findCompiler(host), needed);

export const pythonRow = async (host: Host, needed: boolean): Promise<Row> =>
  toolRow('python', 'Python with pip', await findPython(host), needed);

const ABOUT_TORCH = 'import torch; print(torch.__version__, "CUDA" if torch.cuda.is_available() else "CPU")';

/** In the interpreter that the benchmarks' peers run with. */
export async function torchRow(host: Host, { checkout }: Packages): Promise<Row> {
  const own = checkout && join(checkout, '.venv', 'bin', 'python');
  const python = host.env.PYTHON || (own && host.exists(own) ? own : 'python3');
  const { code, stdout } = await host.run(python, ['-c', ABOUT_TORCH], { timeout: 60_000 });
  const title = 'PyTorch';
  if (code === 0) return row('torch', title, ok(`${stdout.trim().replace(' ', ' on ')} (${python})`));
  const remedy = checkout ? 'npm run test:python' : `${python} -m pip install torch`;
  return row('torch', title, {
    state: 'optional',
    found: `none at ${python}: the benchmarks leave its column out`,
    remedy,
  });
}

/** For the browser tests of a checkout. */
export function chromiumRow(host: Host): Row {
  const path = host.env.CHROMIUM || '/usr/bin/chromium';
  if (host.exists(path)) return row('chromium', 'Chromium', ok(path));
  const remedy = host.env.CHROMIUM ? 'set CHROMIUM to the path of one' : 'sudo apt-get install -y chromium';
  return row('chromium', 'Chromium', { state: 'optional', found: `none at ${path}`, remedy });
}

export function diskRow(host: Host, tensorflowIsThere: boolean): Row {
  const folder = cacheFolder(host);
  const free = host.freeBytes(folder);
  const wanted = tensorflowIsThere ? 0 : spaceNeeded(host, 'cpu');
  const found = `${size(free)} free at ${folder}`;
  if (free >= wanted) return row('disk', 'cache', ok(found));
  const remedy = 'set TOUCHSTONE_CACHE to a folder on another disk';
  return row('disk', 'cache', {
    state: 'missing',
    found: `${found}, tensorflow takes ${size(wanted)}`,
    remedy,
  });
}

export const machineRow = ({ platform, arch, cores, memoryBytes }: Host): Row =>
  row('machine', 'machine', ok(`${platform} ${arch}, ${cores} threads, ${size(memoryBytes)} memory`));

/** All rows, from what everything needs to what few do. */
export async function allRows(host: Host, packages: Packages): Promise<Row[]> {
  const gpus = await nvidiaGpus(host);
  const tensorflow = await tensorflowRow(host, packages, gpus);
  const settingUp = tensorflow.state !== 'ok';
  return [
    nodeRow(host, packages),
    await onnxruntimeRow(packages),
    gpuRow(gpus),
    cudaRow(packages, gpus),
    tensorflow,
    await compilerRow(host, settingUp),
    await pythonRow(host, settingUp),
    await torchRow(host, packages),
    ...(packages.checkout ? [chromiumRow(host)] : []),
    diskRow(host, !settingUp),
    machineRow(host),
  ];
}
