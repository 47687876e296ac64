import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Build,
  type Built,
  buildBinding,
  compileArguments,
  installBinding,
  uninstallBinding,
} from '../../src/setup/binding.ts';
import { tensorflowSetup } from '../../src/setup/index.ts';
import { bindingPlace } from '../../src/setup/tensorflow-state.ts';
import { machine, type Program } from './host.ts';

let folder: string;
let packageFolder: string;
let libraries: string;
const NAPI = 9;

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-binding-'));
  packageFolder = join(folder, 'tfjs');
  libraries = join(folder, 'tensorflow');
  const meta = { version: '4.22.0', binary: { napi_versions: [3, 8] } };
  await fs.outputJson(join(packageFolder, 'package.json'), meta);
  await fs.outputFile(join(packageFolder, 'binding', 'tfjs_backend.cc'), 'int a;');
  await fs.outputFile(join(packageFolder, 'binding', 'tfjs_binding.cc'), 'int b;');
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'])
    await fs.outputFile(join(libraries, name), '');
});
afterEach(() => fs.remove(folder));

/** A compiler that writes what it was called with. */
const compiles: Program = async (args) => {
  await fs.writeFile(args[args.indexOf('-o') + 1]!, args.join('\n'));
  return {};
};

const gpp = { command: 'g++', before: [], version: 'g++ 12' };

async function build(changes: Partial<Build> & { program?: Program } = {}) {
  const { program = compiles, ...rest } = changes;
  await fs.ensureDir(join(folder, 'scratch'));
  const host = machine({ napi: NAPI, programs: { 'g++': program, ccache: program } });
  return buildBinding(
    { host, compiler: gpp, headers: '/usr/include/node', packageFolder, libraries, ...rest },
    { folder, scratch: join(folder, 'scratch') },
  );
}

const place = () => bindingPlace(packageFolder, NAPI);
const install = (built: Built) =>
  installBinding(built, { packageFolder, libraries, variant: 'cpu', napi: NAPI });

describe('compiling', () => {
  it('takes the newest Node-API that both have, and links by an absolute path to the libraries', () => {
    expect(place().folder).toBe(join(packageFolder, 'lib', 'napi-v8'));
    expect(bindingPlace(packageFolder, 7).napi).toBe(3);
    const odd = '/a folder, with $signs/tensorflow';
    const args = compileArguments({ headers: '/h', packageFolder, libraries: odd }, 8, '/out.node');
    expect(args).toContain('-DNAPI_VERSION=8');
    expect(args).toContain(join(odd, 'include'));
    expect(args.slice(args.indexOf('-Xlinker'))).toEqual([
      '-Xlinker',
      '-rpath',
      '-Xlinker',
      odd,
      '-o',
      '/out.node',
    ]);
  });

  it('is done once for the same sources, compiler and libraries', async () => {
    const first = await build();
    expect(first.built).toBe(true);
    const refuses: Program = () => ({ code: 1, stderr: 'must not be called' });
    expect(await build({ program: refuses })).toEqual({ ...first, built: false });

    const paths = new Set([first.native]);
    paths.add((await build({ compiler: { ...gpp, version: 'g++ 13' } })).native);
    paths.add((await build({ libraries: join(folder, 'elsewhere') })).native);
    await fs.writeFile(join(packageFolder, 'binding', 'tfjs_backend.cc'), 'int c;');
    paths.add((await build()).native);
    expect(paths.size).toBe(4);
  });

  it('passes through the program that CXX puts before the compiler', async () => {
    const compiled = await build({ compiler: { command: 'ccache', before: ['g++'], version: 'x' } });
    for (const path of [compiled.binding, compiled.native])
      expect((await fs.readFile(path, 'utf8')).split('\n').slice(0, 2)).toEqual(['g++', '-O2']);
  });

  it('that fails says the compiler’s first error, and leaves nothing to be taken for a binding', async () => {
    const stderr = 'In file included from a.h:\nx.cc:1:2: error: no such type\ncompilation terminated.\n';
    const fails: Program = async (args, options) => {
      await compiles(args, options); // half an output
      return { code: 1, stderr };
    };
    await expect(build({ program: fails })).rejects.toThrow(
      /^g\+\+ 12 could not compile the binding \(x.cc:1:2: error: no such type\): set CXX/,
    );
    expect((await fs.readdir(folder)).filter((name) => name.endsWith('.node'))).toEqual([]);
  });
});

describe('the state', () => {
  it('is missing without the package, and without a binding', () => {
    expect(tensorflowSetup(packageFolder)).toMatchObject({
      state: 'missing',
      remedy: 'run `npx touchstone setup tensorflow`',
    });
  });

  it('is ready once the binding is in place, which takes no second time', async () => {
    const built = await build();
    expect(await install(built)).toBe(true);
    expect(tensorflowSetup(packageFolder)).toEqual({ state: 'ready', variant: 'cpu', version: '2.21.0' });
    expect(await install(built)).toBe(false);
    await uninstallBinding(packageFolder, NAPI);
    expect(tensorflowSetup(packageFolder).state).toBe('missing');
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['a binding of unknown origin', () => fs.remove(place().manifest), /not one that touchstone built/],
    [
      'a manifest that is cut short',
      () => fs.truncate(place().manifest, 20),
      /not one that touchstone built/,
    ],
    ['a binding cut short', () => fs.truncate(place().binding, 20), /changed or half written/],
    ['what it loads cut short', () => fs.truncate(place().native, 20), /changed or half written/],
    ['what it loads gone', () => fs.remove(place().native), /changed or half written/],
    ['another TensorFlow', () => change({ tensorflow: '2.9.1' }), /with TensorFlow 2.9.1, not 2.21.0/],
    ['another tfjs-node', () => change({ package: '4.21.0' }), /built for .* 4.21.0, not 4.22.0/],
    [
      'a cache that was removed',
      () => fs.remove(join(libraries, 'libtensorflow_cc.so.2')),
      /libtensorflow_cc.so.2 is gone from/,
    ],
  ])('is stale with %s, until it is set up again', async (_, spoil, reason) => {
    const built = await build();
    await install(built);
    await spoil();
    expect(tensorflowSetup(packageFolder)).toMatchObject({
      state: 'stale',
      reason: expect.stringMatching(reason),
    });
    await fs.outputFile(join(libraries, 'libtensorflow_cc.so.2'), '');
    await install(built);
    expect(tensorflowSetup(packageFolder).state).toBe('ready');
  });

  const change = async (fields: Record<string, string>) => {
    const { manifest } = place();
    await fs.writeJson(manifest, { ...(await fs.readJson(manifest)), ...fields });
  };
});
