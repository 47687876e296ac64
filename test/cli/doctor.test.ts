import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Packages } from '../../src/runs/doctor-rows.ts';
import { type DoctorReport, doctorRun } from '../../src/runs/doctor-run.ts';
import { TFJS, tensorflowSetup, thisHost } from '../../src/setup/index.ts';
import { compiler, GB, type Machine, machine, type Program, python } from '../setup/host.ts';
import { buildPackage, execute } from './harness.ts';

const smi: Program = () => ({ stdout: 'GPU 0: NVIDIA H200 (UUID: GPU-1)\n' });

/** python3 that has torch, or not. */
const withTorch =
  (version?: string): Program =>
  (args, options) => {
    if (!args[1]?.includes('torch')) return python()(args, options);
    return version ? { stdout: `${version} CPU\n` } : { code: 1, stderr: "No module named 'torch'" };
  };

const whole: Machine = {
  programs: { python3: withTorch('2.13.0'), 'g++': compiler, 'nvidia-smi': smi },
  files: ['/usr/bin/apt-get', '/usr/bin/chromium'],
};
const bare: Machine = { files: ['/usr/bin/apt-get'] };

const allThere: Packages = {
  engines: '>=20.19',
  onnxruntime: '1.30.0',
  session: async () => undefined,
  cudaIsSetUp: () => true,
  tensorflow: () => ({ state: 'ready', variant: 'gpu', version: '2.21.0' }),
  tryTensorflow: async () => ({ version: '2.21.0', gpu: true }),
  checkout: '/checkout',
};
const remedy = 'run `npx touchstone setup tensorflow`';
const nothingThere: Packages = {
  ...allThere,
  cudaIsSetUp: () => false,
  tensorflow: () => ({ state: 'missing', reason: 'not set up', remedy }),
};

const diagnose = (on: Machine, packages: Packages) => doctorRun(machine(on), packages);
const states = ({ rows }: DoctorReport) => Object.fromEntries(rows.map(({ id, state }) => [id, state]));
const find = ({ rows }: DoctorReport, id: string) => rows.find((r) => r.id === id)!;

describe('the doctor', () => {
  it('finds nothing to do where all is set up', async () => {
    const report = await diagnose(whole, allThere);
    expect(report.ok).toBe(true);
    expect(new Set(Object.values(states(report)))).toEqual(new Set(['ok']));
    expect(report.rows.map((r) => r.id)).toEqual(
      'node onnxruntime gpu cuda tensorflow compiler python torch chromium disk machine'.split(' '),
    );
    expect(find(report, 'gpu').found).toBe('NVIDIA H200');
    expect(find(report, 'tensorflow').found).toBe('TensorFlow 2.21.0 for CUDA, runs on the GPU');
  });

  it('names one command for each thing that a bare machine lacks, and that is no failure', async () => {
    const report = await diagnose(bare, nothingThere);
    expect(report.ok).toBe(true);
    expect(states(report)).toMatchObject({
      gpu: 'optional',
      cuda: 'optional',
      tensorflow: 'missing',
      compiler: 'missing',
      python: 'missing',
      torch: 'optional',
      chromium: 'optional',
    });
    expect(find(report, 'tensorflow').remedy).toBe(remedy);
    expect(find(report, 'compiler').remedy).toBe('sudo apt-get install -y g++');
    expect(find(report, 'python').remedy).toBe('sudo apt-get install -y python3 python3-pip');
    expect(find(report, 'torch').remedy).toBe('npm run test:python');
    expect(find(report, 'chromium').remedy).toBe('sudo apt-get install -y chromium');
  });

  it('asks for no compiler and no Python where tensorflow is set up', async () => {
    const report = await diagnose(bare, allThere);
    expect(states(report)).toMatchObject({ tensorflow: 'ok', compiler: 'optional', python: 'optional' });
  });

  it('says that CUDA is missing only where there is a GPU', async () => {
    expect(find(await diagnose(whole, nothingThere), 'cuda')).toMatchObject({
      state: 'missing',
      remedy: 'npx touchstone setup cuda',
    });
    const noGpu = { ...whole, programs: { python3: python(), 'g++': compiler } };
    expect(find(await diagnose(noGpu, nothingThere), 'cuda').remedy).toBeUndefined();
    expect(find(await diagnose(noGpu, allThere), 'cuda').state).toBe('optional');
  });

  it('fails where something required is broken: an old Node, an onnxruntime that does not run', async () => {
    const old = await diagnose({ ...whole, nodeVersion: '18.20.0' }, allThere);
    expect([old.ok, find(old, 'node').state]).toEqual([false, 'broken']);
    const session = () => Promise.reject(new Error('libonnxruntime.so.1: cannot open'));
    const dead = await diagnose(whole, { ...allThere, session });
    expect(dead.ok).toBe(false);
    expect(find(dead, 'onnxruntime')).toMatchObject({
      state: 'broken',
      found: 'onnxruntime-node 1.30.0 does not run: libonnxruntime.so.1: cannot open',
    });
  });

  it('tells a tensorflow that is stale or does not run from one that is missing, and goes on', async () => {
    const tensorflow = () => ({ state: 'stale', reason: 'the cache is gone', remedy }) as const;
    const stale = await diagnose(whole, { ...allThere, tensorflow });
    expect([stale.ok, find(stale, 'tensorflow').state]).toEqual([true, 'broken']);
    const tryTensorflow = () => Promise.reject(new Error('ended by SIGILL'));
    const dead = await diagnose(whole, { ...allThere, tryTensorflow });
    expect(find(dead, 'tensorflow')).toMatchObject({
      state: 'broken',
      found: 'TensorFlow 2.21.0 for CUDA: ended by SIGILL',
      remedy: 'rm -r /home/someone/.cache/touchstone/tensorflow-2.21.0-gpu, then set it up again',
    });
  });

  it('sees a GPU that tensorflow does not use', async () => {
    const tryTensorflow = async () => ({ version: '2.21.0', gpu: false });
    const passedOver = await diagnose(whole, { ...allThere, tryTensorflow });
    expect(find(passedOver, 'tensorflow')).toMatchObject({
      state: 'broken',
      found: 'TensorFlow 2.21.0 for CUDA, runs on the CPU, 4 threads, although a GPU is here',
    });
    const tensorflow = () => ({ state: 'ready', variant: 'cpu', version: '2.21.0' }) as const;
    const forCpu = { ...allThere, tensorflow, tryTensorflow };
    expect(find(await diagnose(whole, forCpu), 'tensorflow')).toMatchObject({
      state: 'missing',
      remedy: 'npx touchstone setup tensorflow --gpu',
    });
    const noGpu = { ...whole, programs: { python3: python(), 'g++': compiler } };
    expect(find(await diagnose(noGpu, forCpu), 'tensorflow').state).toBe('ok');
  });

  it('sees an old Python and a full disk', async () => {
    const programs = { ...whole.programs, python3: python('3.8.10') };
    const report = await diagnose({ ...whole, programs, free: GB }, nothingThere);
    expect(find(report, 'python')).toMatchObject({ state: 'missing', found: 'Python 3.8.10 at python3' });
    expect(find(report, 'disk')).toMatchObject({
      state: 'missing',
      found: expect.stringContaining('1.0 GB free'),
    });
    // What is set up already takes no more room.
    expect(find(await diagnose({ ...whole, free: GB }, allThere), 'disk').state).toBe('ok');
  });

  it('leaves the browser out of an installed package', async () => {
    const report = await diagnose(bare, { ...nothingThere, checkout: undefined });
    expect(report.rows.map((r) => r.id)).not.toContain('chromium');
    expect(find(report, 'torch').remedy).toBe('python3 -m pip install torch');
  });
});

describe('on the command line', () => {
  let folder: string;
  let program: string;
  beforeAll(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-doctor-'));
    program = await buildPackage(join(folder, 'package'));
  });
  afterAll(() => fs.remove(folder));
  const touchstone = (...args: string[]) => execute(process.execPath, [program, ...args], folder);

  it('the compiled package examines this machine', async () => {
    const { code, stdout, stderr } = await touchstone('doctor', '--json', 'report.json');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Node +│ ok +│ \d+\.\d+\.\d+ \(wants >=20.19\)/);
    const report: DoctorReport = await fs.readJson(join(folder, 'report.json'));
    expect(report.ok).toBe(true);
    expect(find(report, 'onnxruntime').state).toBe('ok');
    // Where it is set up it must run: the compiled package finds its probe, too.
    const ready = tensorflowSetup(thisHost().packageFolder(TFJS)).state === 'ready';
    expect(find(report, 'tensorflow').found.includes('runs on')).toBe(ready);
    expect(report.rows.map((r) => r.id)).not.toContain('chromium');
  });

  it('--json - leaves nothing else on stdout', async () => {
    const { stdout } = await touchstone('doctor', '--json', '-');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  });

  it.each([
    ['setup', /^error E_OPTION: no TARGET given/],
    ['setup torch', /^error E_OPTION: setup torch, expected tensorflow, cuda/],
    ['setup cuda --gpu', /^error E_OPTION: --gpu for cuda, expected tensorflow/],
    ['setup tensorflow --force', /^error E_OPTION: --force without --gpu, expected both/],
    ['setup tensorflow --cuda', /^error E_OPTION: unknown option --cuda/],
  ])('%s is refused in one line', async (args, line) => {
    const { code, stdout, stderr } = await touchstone(...args.split(' '));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
