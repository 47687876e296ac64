import { describe, expect, it } from 'vitest';
import { atLeast, thisHost } from '../../src/setup/host.ts';
import { nvidiaGpus } from '../../src/setup/index.ts';
import { findCompiler, findHeaders, findPython } from '../../src/setup/tools.ts';
import { compiler, HEADERS, machine, python } from './host.ts';

describe('Python', () => {
  it('is python3, with its version and that of pip', async () => {
    const found = await findPython(machine({ programs: { python3: python() } }));
    expect(found).toMatchObject({
      ok: true,
      value: { command: 'python3', version: '3.11.7', pip: '23.2.1' },
    });
  });

  it('is the one that PYTHON names, and no other', async () => {
    const host = machine({ env: { PYTHON: '/own/python' }, programs: { python3: python() } });
    expect(await findPython(host)).toMatchObject({
      ok: false,
      problem: 'no Python at /own/python (spawn /own/python ENOENT)',
      remedy: 'set PYTHON to an interpreter',
    });
  });

  it.each([
    ['3.9.18', false],
    ['3.10.0', true],
    ['3.14.1', true],
    ['2.7.18', false],
  ])('%s: new enough is %s', async (version, ok) => {
    const found = await findPython(machine({ programs: { python3: python(version) } }));
    expect(found.ok).toBe(ok);
    if (!found.ok) expect(found.remedy).toContain('version 3.10 or newer');
  });

  it('without pip names the command that brings it', async () => {
    const programs = { python3: () => ({ stdout: '3.12.1\n' }) };
    const debian = machine({ programs, files: ['/usr/bin/apt-get'] });
    expect(await findPython(debian)).toMatchObject({
      problem: 'no pip in Python 3.12.1 at python3',
      remedy: 'sudo apt-get install -y python3-pip',
    });
    const fedora = machine({ programs, files: ['/usr/bin/dnf'] });
    expect(await findPython(fedora)).toMatchObject({ remedy: 'sudo dnf install -y python3-pip' });
  });
});

describe('the compiler', () => {
  it('is g++, else clang++', async () => {
    const both = { 'g++': compiler, 'clang++': () => ({ stdout: 'clang 17\n' }) };
    expect(await findCompiler(machine({ programs: both }))).toMatchObject({ value: { command: 'g++' } });
    const { 'clang++': clang } = both;
    const found = await findCompiler(machine({ programs: { 'clang++': clang } }));
    expect(found).toMatchObject({ value: { command: 'clang++', version: 'clang 17' } });
  });

  it('is what CXX names, with a program before it', async () => {
    const asked: (readonly string[])[] = [];
    const ccache = (args: readonly string[]) => {
      asked.push(args);
      return { stdout: 'g++ 13\n' };
    };
    const host = machine({ env: { CXX: 'ccache g++ -m64' }, programs: { ccache } });
    expect(await findCompiler(host)).toMatchObject({
      ok: true,
      value: { command: 'ccache', before: ['g++', '-m64'], version: 'g++ 13' },
    });
    expect(asked).toEqual([['g++', '-m64', '--version']]);
  });

  it('that is missing names the package that has it', async () => {
    expect(await findCompiler(machine({ files: ['/usr/bin/apt-get'] }))).toEqual({
      ok: false,
      problem: 'no C++ compiler',
      remedy: 'sudo apt-get install -y g++',
    });
    expect(await findCompiler(machine({ files: ['/usr/bin/dnf'] }))).toMatchObject({
      remedy: 'sudo dnf install -y gcc-c++',
    });
    const failing = { '/bin/false': () => ({ code: 1 }), 'g++': compiler };
    const host = machine({ env: { CXX: '/bin/false' }, programs: failing });
    expect(await findCompiler(host)).toMatchObject({
      ok: false,
      problem: 'no C++ compiler at CXX=/bin/false',
    });
  });
});

describe("Node's headers", () => {
  it("are looked for in npm's package, in Node's folder and in the system's", () => {
    const own = '/opt/node/include/node/node_api.h';
    expect(findHeaders(machine({ files: [HEADERS] }))).toMatchObject({ value: '/usr/include/node' });
    expect(findHeaders(machine({ files: [HEADERS, own] }))).toMatchObject({
      value: '/opt/node/include/node',
    });
    const packages = { 'node-api-headers': '/p/node_modules/node-api-headers' };
    const npm = '/p/node_modules/node-api-headers/include/node_api.h';
    expect(findHeaders(machine({ files: [HEADERS, own, npm], packages }))).toMatchObject({
      value: '/p/node_modules/node-api-headers/include',
    });
  });

  it('that are missing come with a command', () => {
    const found = findHeaders(machine());
    expect(found).toMatchObject({ ok: false, remedy: 'npm install --no-save node-api-headers' });
  });
});

describe('GPUs', () => {
  it('are those that nvidia-smi lists', async () => {
    const stdout = 'GPU 0: NVIDIA H200 (UUID: GPU-1-2)\nGPU 1: NVIDIA L4 (UUID: GPU-3)\n';
    const host = machine({ programs: { 'nvidia-smi': () => ({ stdout }) } });
    expect(await nvidiaGpus(host)).toEqual(['NVIDIA H200', 'NVIDIA L4']);
  });

  it('are none where the driver does not answer, unless their devices are there', async () => {
    const smi = { 'nvidia-smi': () => ({ code: 9, stdout: 'NVIDIA-SMI has failed' }) };
    expect(await nvidiaGpus(machine({ programs: smi }))).toEqual([]);
    expect(await nvidiaGpus(machine())).toEqual([]);
    const files = ['/dev/nvidiactl', '/dev/nvidia0'];
    expect(await nvidiaGpus(machine({ files }))).toEqual(['an NVIDIA GPU']);
  });
});

it('versions are compared part by part', () => {
  expect(['20.19.0', '20.20', '21', '22.1.0'].every((v) => atLeast(v, '20.19'))).toBe(true);
  expect(['20.9.0', '20', '9.99', '2.26'].some((v) => atLeast(v, '20.19'))).toBe(false);
});

it('this machine is read as what it is', () => {
  const host = thisHost();
  expect(host.nodeVersion).toBe(process.versions.node);
  expect(host.freeBytes('/a/folder/that/is/not/there')).toBe(host.freeBytes('/'));
  expect(host.packageFolder('onnxruntime-node')).toMatch(/node_modules\/onnxruntime-node$/);
  expect(host.packageFolder('no-such-package-as-this')).toBeUndefined();
  if (process.platform === 'linux' && host.glibc) expect(host.glibc).toMatch(/^2\.\d+$/);
});
