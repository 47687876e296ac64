import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withScratch } from '../../src/setup/cache.ts';
import { downloadWheel, pipArguments, requirement, size } from '../../src/setup/download.ts';
import { SetupFailure } from '../../src/setup/index.ts';
import { run } from '../../src/setup/run.ts';
import { isUnpacked, unpackWheel } from '../../src/setup/unpack.ts';
import { WHEELS, type Wheel } from '../../src/setup/wheels.ts';
import { listener, machine, type Program } from './host.ts';

let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-wheel-'));
});
afterAll(() => fs.remove(folder));

const text = (words: string) => new TextEncoder().encode(words);
const FILES = {
  'made/libmade.so.2': text('library '.repeat(5000)),
  'made/include/c_api.h': text('// header\n'),
  'made/bin/tool': [text('#!/bin/sh\n'), { os: 3, attrs: 0o755 << 16 }] as [
    Uint8Array,
    { os: number; attrs: number },
  ],
  'made/python/ops.py': text('print(1)\n'),
};
const archive = zipSync(FILES);
const made: Wheel = {
  name: 'made',
  version: '1.0',
  sha256: createHash('sha256').update(archive).digest('hex'),
  abi: 'none',
  platform: 'manylinux_2_27_x86_64',
  bytes: archive.length,
  unpackedBytes: 40_000,
  keep: '^made/(libmade\\.so\\.2|include/.*\\.h|bin/.*)$',
};
const interpreter = { command: 'python3', version: '3.11.7', pip: '23.2.1' };

/** A pip that brings some bytes. */
const pip =
  (bytes: Uint8Array): Program =>
  async (args) => {
    await fs.writeFile(join(args[args.indexOf('-d') + 1]!, 'made-1.0-py3-none-any.whl'), bytes);
    return {};
  };

const download = (program: Program, to: string, signal?: AbortSignal) =>
  downloadWheel(made, to, {
    host: machine({ programs: { python3: program } }),
    python: interpreter,
    reporter: listener(),
    ...(signal ? { signal } : {}),
  });

describe('pip', () => {
  it('is asked for one version with one hash, for the Python that the wheel is for, and not where from', () => {
    const wheel = WHEELS.cpu.x64![0]!;
    expect(requirement(wheel)).toBe(`tensorflow-cpu==2.21.0 --hash=sha256:${wheel.sha256}\n`);
    const args = pipArguments(wheel, '/r.txt', '/to').join(' ');
    expect(args).toContain(
      '--python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_27_x86_64',
    );
    expect(args).toContain('--require-hashes -r /r.txt -d /to');
    expect(args).not.toMatch(/index|https?:|find-links/);
  });

  it('writes into the given folder alone, temporary files too', async () => {
    let seen: Record<string, string> = {};
    const path = await download(
      async (args, options) => {
        seen = { ...options.env };
        return pip(archive)(args, options);
      },
      join(folder, 'a'),
    );
    expect(seen.TMPDIR).toBe(join(folder, 'a', 'pip'));
    expect(await fs.readFile(join(folder, 'a', 'requirements.txt'), 'utf8')).toBe(requirement(made));
    expect(new Uint8Array(await fs.readFile(path))).toEqual(archive);
  });

  it('that brings another file is not believed', async () => {
    const other = archive.slice();
    other[50]! ^= 1;
    await expect(download(pip(other), join(folder, 'b'))).rejects.toThrow(/another file than made 1.0: /);
    await expect(download(() => ({}), join(folder, 'b'))).rejects.toThrow(SetupFailure);
  });

  it('that fails is quoted, with what to do', async () => {
    const stderr = 'WARNING: slow\nERROR: No matching distribution found for made==1.0\n[notice] a new pip\n';
    await expect(download(() => ({ code: 1, stderr }), join(folder, 'c'))).rejects.toThrow(
      /^pip could not download made 1.0 \(No matching distribution found for made==1.0\): see to the network .* run the command again/,
    );
  });

  it('that is stopped is no failure of its own', async () => {
    const stop = new AbortController();
    const stopped = download(
      () => {
        stop.abort();
        return { code: null };
      },
      join(folder, 'd'),
      stop.signal,
    );
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
  });
});

const hasPython = spawnSync('python3', ['-c', 'import zipfile']).status === 0;

describe.skipIf(!hasPython)('unpacking (needs python3, as the set-up does)', () => {
  const unpack = async (to: string, bytes: Uint8Array = archive) => {
    const scratch = join(folder, 'scratch');
    await fs.ensureDir(scratch);
    await fs.writeFile(join(scratch, 'made.whl'), bytes);
    await unpackWheel(
      made,
      { archive: join(scratch, 'made.whl'), scratch, folder: to },
      { host: { ...machine(), run }, python: interpreter, reporter: listener() },
    );
  };

  it('gives the files that are wanted and no others, byte for byte, programs still to be run', async () => {
    const to = join(folder, 'unpacked');
    expect(isUnpacked(made, to)).toBe(false);
    await unpack(to);
    expect(isUnpacked(made, to)).toBe(true);
    expect((await fs.readdir(join(to, 'made'))).sort()).toEqual(['bin', 'include', 'libmade.so.2']);
    expect(new Uint8Array(await fs.readFile(join(to, 'made', 'libmade.so.2')))).toEqual(
      FILES['made/libmade.so.2'],
    );
    expect((await fs.stat(join(to, 'made', 'bin', 'tool'))).mode & 0o111).toBe(0o111);
  });

  it('counts as done only while every file is there and whole, and for the same wheel', async () => {
    const to = join(folder, 'whole');
    await unpack(to);
    expect(isUnpacked({ ...made, sha256: '0'.repeat(64) }, to)).toBe(false);
    await fs.truncate(join(to, 'made', 'libmade.so.2'), 100);
    expect(isUnpacked(made, to)).toBe(false);
    await unpack(to);
    expect(isUnpacked(made, to)).toBe(true);
    await fs.remove(join(to, 'made', 'include', 'c_api.h'));
    expect(isUnpacked(made, to)).toBe(false);
  });

  it('of a damaged archive fails, and is not taken for done', async () => {
    const to = join(folder, 'damaged');
    const damaged = archive.slice();
    damaged[60]! ^= 0xff; // in the first file's compressed bytes
    await expect(unpack(to, damaged)).rejects.toThrow(/^cannot unpack made 1.0 \(/);
    await expect(unpack(to, archive.subarray(0, 200))).rejects.toThrow(/not a zip file/);
    expect(isUnpacked(made, to)).toBe(false);
  });
});

describe('the scratch folder', () => {
  it('goes when the work is done or fails', async () => {
    const cache = join(folder, 'cache');
    const inside = await withScratch(cache, async (scratch) => {
      await fs.writeFile(join(scratch, 'x'), '');
      return scratch;
    });
    await expect(withScratch(cache, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(inside.startsWith(cache)).toBe(true);
    expect(await fs.readdir(cache)).toEqual([]);
  });

  it('of a process that was killed goes with the next one, that of a living one stays', async () => {
    const cache = join(folder, 'cache');
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await fs.outputFile(join(cache, `scratch-${pid}-abc`, 'half'), '');
    await fs.outputFile(join(cache, `scratch-${process.ppid}-abc`, 'half'), '');
    await fs.outputFile(join(cache, 'tensorflow-1', 'kept'), '');
    await withScratch(cache, async () => undefined);
    expect((await fs.readdir(cache)).sort()).toEqual([`scratch-${process.ppid}-abc`, 'tensorflow-1']);
  });

  it('cannot be in a file', async () => {
    await fs.writeFile(join(folder, 'file'), '');
    await expect(withScratch(join(folder, 'file', 'cache'), async () => 1)).rejects.toThrow(
      /^E_WRITE: .*expected a folder to write to: set TOUCHSTONE_CACHE/,
    );
  });
});

it('sizes are said as people say them', () => {
  expect([0, 3_493_179, 273_829_956, 3_379_649_224].map(size)).toEqual(['0 MB', '3 MB', '274 MB', '3.4 GB']);
});
