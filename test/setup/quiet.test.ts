import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loaderArguments } from '../../src/setup/binding.ts';
import { thisHost } from '../../src/setup/index.ts';
import { findCompiler, findHeaders } from '../../src/setup/tools.ts';

const host = thisHost();
const compiler = await findCompiler(host);
const headers = findHeaders(host);
const NAPI = 8;

/** A binding that speaks where libtensorflow does, in an initialiser, and once more when it is registered. */
const TALKATIVE = `
#include <node_api.h>
#include <stdio.h>
__attribute__((constructor)) static void loading() { fputs("noise\\n", stderr); }
NAPI_MODULE_INIT() {
  fputs("words\\n", stderr);
  napi_value seven;
  napi_create_int32(env, 7, &seven);
  napi_set_named_property(env, exports, "seven", seven);
  return exports;
}`;

describe.skipIf(!compiler.ok || !headers.ok)('what loads the binding (needs a C++ compiler)', () => {
  let folder: string;
  const loader = () => join(folder, 'tfjs_binding.node');

  async function compile(args: readonly string[]): Promise<void> {
    if (!compiler.ok) throw new Error(compiler.problem);
    const { command, before } = compiler.value;
    const { code, stderr } = await host.run(command, [...before, ...args]);
    expect(code, stderr).toBe(0);
  }
  const load = (level: string, from = loader()) =>
    host.run(host.execPath, ['-p', `require(${JSON.stringify(from)}).seven`], {
      env: { TF_CPP_MIN_LOG_LEVEL: level },
    });

  beforeAll(async () => {
    if (!headers.ok) throw new Error(headers.problem);
    folder = await fs.mkdtemp(join(tmpdir(), 'touchstone quiet-'));
    const source = join(folder, 'talkative.cc');
    await fs.writeFile(source, TALKATIVE);
    const native = join(folder, 'tfjs_native.node');
    await compile(['-shared', '-fPIC', '-I', headers.value, source, '-o', native]);
    await compile(loaderArguments(headers.value, NAPI, loader()));
  });
  afterAll(() => fs.remove(folder));

  it('gives what the binding gives, holds back what is written meanwhile, and nothing afterwards', async () => {
    expect(await load('2')).toEqual({ code: 0, stdout: '7\n', stderr: 'words\n' });
  });

  it('holds nothing back from those who want to hear all', async () => {
    expect(await load('0')).toEqual({ code: 0, stdout: '7\n', stderr: 'noise\nwords\n' });
  });

  it("throws the dynamic linker's words where the binding is not there, or is none", async () => {
    const alone = join(folder, 'alone', 'tfjs_binding.node');
    await fs.copy(loader(), alone);
    const missing = await load('2', alone);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/Error: \S.*alone\/tfjs_native\.node: cannot open shared object file/);
    await fs.writeFile(join(folder, 'alone', 'tfjs_native.node'), 'text');
    expect((await load('2', alone)).stderr).toMatch(/tfjs_native\.node: (file too short|invalid ELF header)/);
  });
});
