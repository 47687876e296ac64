import { describe, expect, it } from 'vitest';
import { cacheFolder } from '../../src/setup/cache.ts';
import { type Host, setUpTensorflow, TFJS } from '../../src/setup/index.ts';
import { plan } from '../../src/setup/tensorflow.ts';
import { WHEELS } from '../../src/setup/wheels.ts';
import { compiler, GB, HEADERS, listener, type Machine, machine, python } from './host.ts';

const cache = '/no/such/cache';
const env = { TOUCHSTONE_CACHE: cache };

describe('the cache', () => {
  it('is where the variables say', () => {
    const at = (own: Host['env']) => cacheFolder({ env: own, home: '/home/someone' });
    expect(at({})).toBe('/home/someone/.cache/touchstone');
    expect(at({ XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/touchstone');
    expect(at({ XDG_CACHE_HOME: '/xdg', TOUCHSTONE_CACHE: '/own' })).toBe('/own');
  });
});

describe('what is fetched', () => {
  it('is one wheel for the CPU, and with CUDA what NVIDIA adds to it', () => {
    const cpu = plan(machine({ env }), 'cpu');
    expect(cpu.missing.map((w) => w.name)).toEqual(['tensorflow-cpu']);
    expect(cpu.folder).toBe(`${cache}/tensorflow-2.21.0-cpu`);
    expect(cpu.downloadBytes).toBeLessThan(0.3 * GB);
    const gpu = plan(machine({ env }), 'gpu');
    // The names that tensorflow 2.21.0 declares under `and-cuda`.
    const parts =
      'cublas cuda-cupti cuda-nvcc cuda-nvrtc cuda-runtime cudnn cufft curand cusolver cusparse nccl nvjitlink';
    expect(gpu.missing.map((w) => w.name)).toEqual([
      'tensorflow',
      ...parts.split(' ').map((part) => `nvidia-${part}-cu12`),
    ]);
    expect(gpu.downloadBytes).toBeGreaterThan(3 * GB);
    expect(plan(machine({ env, arch: 'arm64' }), 'cpu').missing[0]!.platform).toMatch(/aarch64$/);
  });

  it('is pinned: each wheel by a hash of its own', () => {
    const wheels = Object.values(WHEELS).flatMap((byArch) => Object.values(byArch).flat());
    expect(wheels.length).toBe(15);
    for (const { sha256, version } of wheels) {
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(version).toMatch(/^[\d.]+$/);
    }
    expect(new Set(wheels.map((w) => w.sha256)).size).toBe(wheels.length);
  });

  it('leaves the rest of the wheels where it is', () => {
    const [tensorflow, cublas] = WHEELS.gpu.x64!.map((w) => new RegExp(w.keep));
    for (const path of [
      'libtensorflow_cc.so.2',
      'include/tensorflow/c/eager/c_api.h',
      'THIRD_PARTY_NOTICES.txt',
    ])
      expect(`tensorflow/${path}`).toMatch(tensorflow!);
    for (const path of ['python/ops.py', 'include/external/x/c.h', 'libtensorflow_cc.so.2.txt', 'lite/a.so'])
      expect(`tensorflow/${path}`).not.toMatch(tensorflow!);
    expect('nvidia/cublas/lib/libcublas.so.12').toMatch(cublas!);
    expect('nvidia_cublas_cu12-12.dist-info/licenses/License.txt').toMatch(cublas!);
    expect('nvidia/cublas/include/cublas.h').not.toMatch(cublas!);
    expect('nvidia_cublas_cu12-12.dist-info/RECORD').not.toMatch(cublas!);
  });
});

describe('a request that cannot work here ends before anything is fetched', () => {
  const whole: Machine = {
    env,
    files: [HEADERS],
    programs: { python3: python(), 'g++': compiler },
    packages: { [TFJS]: '/p/tfjs' },
  };
  const refused = (changes: Machine, options: { gpu?: boolean; force?: boolean } = {}) =>
    expect(setUpTensorflow({ host: machine({ ...whole, ...changes }), reporter: listener(), ...options }))
      .rejects;

  it.each([
    ['darwin', 'arm64', /^E_UNSUPPORTED: TensorFlow on darwin arm64, expected Linux on x64 or arm64: /],
    ['win32', 'x64', /^E_UNSUPPORTED: TensorFlow on win32 x64/],
    ['linux', 'riscv64', /^E_UNSUPPORTED: TensorFlow on linux riscv64/],
  ])('%s %s', (platform, arch, line) => refused({ platform, arch }).toThrow(line));

  it('musl and an old glibc', async () => {
    await refused({ glibc: undefined }).toThrow(/^E_UNSUPPORTED: a C library other than glibc/);
    await refused({ glibc: '2.17' }).toThrow(/^E_UNSUPPORTED: glibc 2.17, expected glibc 2.27 or newer/);
  });

  it('a full disk', async () => {
    await refused({ free: GB }).toThrow(`E_WRITE: 1.0 GB free at ${cache}, expected 1.4 GB`);
    await refused({ free: 3 * GB }, { gpu: true }).toThrow(/^E_WRITE: 3.0 GB free .*, expected 7.1 GB/);
  });

  it('no package, Python, compiler or headers', async () => {
    await refused({ packages: {} }).toThrow(`E_ENGINE: no ${TFJS}`);
    await refused({ programs: { 'g++': compiler } }).toThrow(/^E_ENGINE: no Python at python3/);
    await refused({ programs: { python3: python() } }).toThrow(/^E_ENGINE: no C\+\+ compiler/);
    await refused({ files: [] }).toThrow(/^E_ENGINE: no Node-API headers/);
  });

  it('CUDA on arm64, or without a GPU', async () => {
    await refused({ arch: 'arm64' }, { gpu: true }).toThrow(
      /with CUDA on linux arm64, expected Linux on x64:/,
    );
    await refused({}, { gpu: true }).toThrow(/^E_ENGINE: no NVIDIA GPU, .* --force/);
    // Forced, it goes on to the next thing that is missing.
    await refused({ files: [] }, { gpu: true, force: true }).toThrow(/^E_ENGINE: no Node-API headers/);
  });
});
