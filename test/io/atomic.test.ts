import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readFileLimited, writeFileAtomic, writeFilesAtomic } from '../../src/io/index.ts';

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
const text = (path: string) => fs.readFileSync(path, 'utf8');

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await fs.chmod(folder, 0o700);
  await fs.remove(folder);
});

const root = process.getuid?.() === 0;
const linux = process.platform === 'linux';
const windows = process.platform === 'win32';

describe('writeFileAtomic', () => {
  it('writes, replaces, makes folders, and leaves nothing else', async () => {
    await writeFileAtomic(at('a', 'b', 'f.txt'), 'one');
    await writeFileAtomic(at('a', 'b', 'f.txt'), Uint8Array.of(0, 255));
    expect(fs.readFileSync(at('a', 'b', 'f.txt'))).toEqual(Buffer.of(0, 255));
    expect(fs.readdirSync(at('a', 'b'))).toEqual(['f.txt']);
  });

  it('writes an empty file, and one of several megabytes', async () => {
    await writeFileAtomic(at('empty'), '');
    const large = new Uint8Array(5_000_000).fill(7);
    await writeFileAtomic(at('large'), large);
    expect(fs.statSync(at('empty')).size).toBe(0);
    expect(fs.readFileSync(at('large')).equals(large)).toBe(true);
  });

  it.skipIf(windows)('keeps permissions, and a symbolic link a link', async () => {
    fs.writeFileSync(at('real'), 'old', { mode: 0o640 });
    fs.symlinkSync('real', at('link'));
    await writeFileAtomic(at('link'), 'new');
    expect(fs.lstatSync(at('link')).isSymbolicLink()).toBe(true);
    expect(text(at('real'))).toBe('new');
    expect(fs.statSync(at('real')).mode & 0o777).toBe(0o640);
  });

  it('takes the longest name that the file system does', async () => {
    await writeFileAtomic(at('n'.repeat(255)), 'x');
    expect(fs.readdirSync(folder)).toEqual(['n'.repeat(255)]);
    await expect(writeFileAtomic(at('n'.repeat(256)), 'x')).rejects.toThrow(
      /^E_WRITE: .*the name is too long/,
    );
    expect(fs.readdirSync(folder)).toHaveLength(1);
  });

  it('refuses a folder, and a path through a file', async () => {
    fs.writeFileSync(at('file'), '');
    await expect(writeFileAtomic(folder, 'x')).rejects.toThrow(/^E_WRITE: .* is a folder, expected a file/);
    await expect(writeFileAtomic(at('file', 'f'), 'x')).rejects.toThrow(/^E_WRITE: cannot write .*file/);
    await expect(writeFileAtomic(at('file', 'g', 'f'), 'x')).rejects.toThrow(/^E_WRITE: cannot write .*file/);
  });

  it.skipIf(root || windows)('refuses a folder that may not be written to', async () => {
    fs.chmodSync(folder, 0o500);
    await expect(writeFileAtomic(at('f'), 'x')).rejects.toThrow(/^E_WRITE: .*permission denied/);
  });

  it('removes the temporary file and keeps the old one when the rename fails', async () => {
    fs.writeFileSync(at('f'), 'old');
    vi.spyOn(fs, 'rename').mockRejectedValue(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await expect(writeFileAtomic(at('f'), 'new')).rejects.toThrow(
      /^E_WRITE: .*the device failed: check the disk/,
    );
    expect(fs.readdirSync(folder)).toEqual(['f']);
    expect(text(at('f'))).toBe('old');
  });

  it('never shows a half-written file to a reader', async () => {
    const versions = ['a', 'b'].map((letter) => letter.repeat(300_000));
    await writeFileAtomic(at('f'), versions[0]!);
    const writing = Promise.all(
      Array.from({ length: 20 }, (_, i) => writeFileAtomic(at('f'), versions[i % 2]!)),
    );
    for (let i = 0; i < 50; i++) expect(versions).toContain(await fs.readFile(at('f'), 'utf8'));
    await writing;
    expect(fs.readdirSync(folder)).toEqual(['f']);
  });
});

describe('a full disk', () => {
  it.skipIf(!linux)('is one clear line, straight from a device', async () => {
    const writing = writeFileAtomic('/dev/full', 'x');
    await expect(writing).rejects.toThrow(
      'E_WRITE: cannot write /dev/full: the disk is full: free some space',
    );
    expect(fs.statSync('/dev/full').isCharacterDevice()).toBe(true);
    await writeFileAtomic('/dev/null', 'x');
  });

  it.skipIf(!linux)('leaves no temporary file and the old files as they were', async () => {
    fs.writeFileSync(at('f'), 'old');
    // The temporary file exists, but what is written goes to a device whose write() fails as a full disk's does.
    const open: (path: fs.PathLike, flags: string) => Promise<number> = fs.open.bind(fs);
    const filling = async (path: fs.PathLike, flags: string): Promise<number> => {
      const file = await open(path, flags);
      if (flags !== 'wx' || !String(path).includes('.g.')) return file;
      await fs.close(file);
      return open('/dev/full', 'w');
    };
    vi.spyOn(fs, 'open').mockImplementation(filling as typeof fs.open);
    const files = new Map([
      [at('f'), 'new'],
      [at('g'), 'new'],
    ]);
    await expect(writeFilesAtomic(files)).rejects.toThrow(/^E_WRITE: cannot write .*g: the disk is full/);
    expect(fs.readdirSync(folder)).toEqual(['f']);
    expect(text(at('f'))).toBe('old');
  });

  const small = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"';
  const mountable = () =>
    linux && spawnSync('unshare', ['-rm', 'sh', '-c', small, tmpdir(), 'true']).status === 0;

  it('of 64 kB keeps what it held', (context) => {
    if (!mountable()) context.skip('this machine lets nobody mount a file system of their own');
    const script = `
      import { readdirSync, readFileSync } from 'node:fs';
      import { writeFileAtomic } from './src/io/index.ts';
      const path = process.argv[1] + '/f';
      await writeFileAtomic(path, 'old');
      const message = await writeFileAtomic(path, new Uint8Array(200_000)).catch((e) => e.message);
      console.log(JSON.stringify({ message, held: readFileSync(path, 'utf8'), files: readdirSync(process.argv[1]) }));`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script, folder];
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', small, folder, ...node], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({
      message: `E_WRITE: cannot write ${at('f')}: the disk is full: free some space, or choose another disk`,
      held: 'old',
      files: ['f'],
    });
  });
});

describe('writeFilesAtomic', () => {
  it('replaces none where one cannot be written', async () => {
    fs.writeFileSync(at('a'), 'old');
    fs.mkdirSync(at('b'));
    const files = new Map([
      [at('a'), 'new'],
      [at('b'), 'new'],
    ]);
    await expect(writeFilesAtomic(files)).rejects.toThrow(/^E_WRITE: .*b is a folder/);
    expect(text(at('a'))).toBe('old');
    expect(fs.readdirSync(folder).sort()).toEqual(['a', 'b']);
  });
});

describe('readFileLimited', () => {
  it('reads a file up to the limit', async () => {
    fs.writeFileSync(at('f'), 'four');
    expect(await readFileLimited(at('f'), 4)).toEqual(new TextEncoder().encode('four'));
    await expect(readFileLimited(at('f'), 3)).rejects.toThrow(/^E_FILE: .*f has 4 bytes, expected at most 3/);
  });

  it('does not allocate for a file beyond it', async () => {
    fs.writeFileSync(at('huge'), '');
    fs.truncateSync(at('huge'), 2 ** 40);
    await expect(readFileLimited(at('huge'), 2 ** 30)).rejects.toThrow(/^E_FILE: .*has 1099511627776 bytes/);
  });

  it('says what is wrong with a path', async () => {
    await expect(readFileLimited(at('none'), 9)).rejects.toThrow(
      /^E_FILE: cannot read .*none: there is no such file/,
    );
    await expect(readFileLimited(folder, 9)).rejects.toThrow(/^E_FILE: .* is a folder, expected a file/);
    if (linux)
      await expect(readFileLimited('/dev/zero', 9)).rejects.toThrow(/^E_FILE: .* is a device or a pipe/);
  });

  it.skipIf(windows || !existsSync('/usr/bin/mkfifo'))('does not wait for a pipe', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    await expect(readFileLimited(at('pipe'), 9)).rejects.toThrow(/^E_FILE: .* is a device or a pipe/);
  });
});
