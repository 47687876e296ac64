/** One suite for both stores. The bucket's is run by `npm run test:s3`, which brings a server. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { S3mini } from 's3mini';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../../src/experiment/store/index.ts';
import { openS3Store } from '../../../src/experiment/store/s3.ts';
import type { Store } from '../../../src/experiment/store.ts';
import { freePort } from '../queue/redis-server.ts';

const moto = process.env.MOTO_SERVER;
const noServer = 'MOTO_SERVER is not set: npm run test:s3';
const hash = (digit: string) => digit.repeat(64);
const bytes = (n: number, of = 0) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + of) % 256);

let folder: string;
let child: ChildProcess | undefined;
let environment: Record<string, string> = {};

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-store-'));
  if (moto !== undefined) await startS3(moto);
}, 60_000);
afterAll(async () => {
  child?.kill('SIGKILL');
  await fs.remove(folder);
});

async function startS3(program: string): Promise<void> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  child = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  environment = {
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'hidden-secret',
    AWS_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL: endpoint,
  };
  const answers = () =>
    fetch(endpoint).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 200));
  const bucket = { accessKeyId: 'key', secretAccessKey: 'hidden-secret', region: 'eu-west-1' };
  await new S3mini({ ...bucket, endpoint: `${endpoint}/bucket` }).createBucket();
}

const stores: Readonly<Record<string, { skip?: string; open: () => Promise<Store> }>> = {
  folder: { open: () => openStore(join(folder, 'store')) },
  s3: {
    ...(moto === undefined ? { skip: noServer } : {}),
    open: () => openS3Store('s3://bucket/some/prefix', environment),
  },
};

describe.each(Object.entries(stores))('%s', (_, { skip, open }) => {
  test.skipIf(skip)(skip ?? 'holds what is put, whole, and puts over it', async () => {
    const store = await open();
    const key = `jobs/${hash('a')}/result.json`;
    expect(await store.has(key)).toBe(false);
    await expect(store.get(key)).rejects.toThrow(/^E_FILE: jobs\/a+\/result\.json is not in the store /);
    await store.put(key, bytes(1000));
    await store.put(key, bytes(300_000, 1));
    expect(await store.has(key)).toBe(true);
    expect(Buffer.from(await store.get(key)).equals(bytes(300_000, 1))).toBe(true);
    await store.put(`blobs/${hash('b')}`, new Uint8Array());
    expect(await store.get(`blobs/${hash('b')}`)).toHaveLength(0);
    await expect(store.get(key, 299_999)).rejects.toThrow(
      /^E_DATA: .* has 300000 bytes, expected at most 299999$/,
    );
  });

  test.skipIf(skip)(skip ?? 'copies files', async () => {
    const store = await open();
    const [from, to] = [join(folder, 'from.bin'), join(folder, 'deep', 'to.bin')];
    await fs.writeFile(from, bytes(1_000_000));
    await store.putFile(`blobs/${hash('c')}`, from);
    await store.getFile(`blobs/${hash('c')}`, to);
    expect((await fs.readFile(to)).equals(bytes(1_000_000))).toBe(true);
    await expect(store.getFile(`blobs/${hash('c')}`, to, 10)).rejects.toThrow(/^E_DATA/);
    await expect(store.putFile(`blobs/${hash('d')}`, join(folder, 'none'))).rejects.toThrow(/^E_FILE/);
    expect(await store.has(`blobs/${hash('d')}`)).toBe(false);
  });

  test.skipIf(skip)(skip ?? 'lists keys by how they begin', async () => {
    const store = await open();
    const keys = [`jobs/${hash('e')}/a+b_c.d-e`, `jobs/${hash('e')}/z`, `jobs/${hash('f')}/z`].sort();
    for (const key of keys) await store.put(key, bytes(3));
    expect(await store.list(`jobs/${hash('e')}/`)).toEqual(keys.slice(0, 2));
    expect((await store.list('jobs/')).filter((key) => keys.includes(key))).toEqual(keys);
    expect(await store.list('jobs/none')).toEqual([]);
    expect((await store.list('')).length).toBeGreaterThanOrEqual(3);
  });

  test.skipIf(skip)(skip ?? 'takes no key that could leave it', async () => {
    const store = await open();
    for (const key of [
      '../x',
      '/etc/passwd',
      'a/../b',
      'a//b',
      'a/.b',
      '',
      'a/',
      'a\\b',
      'ä',
      'a\n',
      'a\0b',
      'x'.repeat(129),
    ]) {
      const refused = /^E_OPTION: the store's key /;
      await expect(store.put(key, bytes(1)), key).rejects.toThrow(refused);
      await expect(store.get(key), key).rejects.toThrow(refused);
      await expect(store.has(key), key).rejects.toThrow(refused);
      await expect(store.getFile(key, join(folder, 'never')), key).rejects.toThrow(refused);
    }
    await expect(store.list('../')).rejects.toThrow(/^E_OPTION: the store's prefix /);
    expect(await fs.pathExists(join(folder, 'never'))).toBe(false);
  });
});

describe('a folder', () => {
  test('is made where it may be, and is missed where it is gone', async () => {
    const path = join(folder, 'gone');
    await expect(openStore(path, { create: false })).rejects.toThrow(
      /^E_FILE: .*gone is no store, expected a folder with touchstone-store\.json: is it mounted\?/,
    );
    const store = await openStore(path);
    await openStore(path, { create: false });
    await fs.remove(path);
    await expect(store.put('blobs/x', bytes(1))).rejects.toThrow(/^E_WRITE: the store .*gone is gone/);
    await expect(store.has('blobs/x')).rejects.toThrow(/^E_FILE: the store .*gone is gone/);
    expect(await fs.pathExists(path)).toBe(false);
  });

  test.runIf(canMount())('full or read-only: one line, and nothing half written', async () => {
    const path = join(folder, 'small');
    await fs.ensureDir(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]);
    try {
      const store = await openStore(path);
      await expect(store.put('blobs/x', bytes(100_000))).rejects.toThrow(
        /^E_WRITE: .*the disk is full: free some space/,
      );
      expect(await store.list('')).toEqual([]);
      expect((await fs.readdir(join(path, 'blobs'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      execFileSync('mount', ['-o', 'remount,ro', path]);
      await expect(store.put('blobs/y', bytes(1))).rejects.toThrow(
        /^E_WRITE: .*the file system is read-only/,
      );
    } finally {
      execFileSync('umount', [path]);
    }
  });
});

/** Only who may mount can have a full disk of a size that a test fills. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const path = fs.mkdtempSync(join(tmpdir(), 'touchstone-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' });
    execFileSync('umount', [path]);
    return true;
  } catch {
    return false;
  } finally {
    fs.removeSync(path);
  }
}

describe('a bucket', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'hidden-secret' };
  test.each([
    ['s3://', keys, /^E_OPTION: --store s3:\/\/, expected s3:\/\/bucket\/prefix$/],
    ['s3://bucket/../x', keys, /^E_OPTION: --store/],
    ['s3://bucket/x', {}, /^E_OPTION: no keys for the store in the environment, expected AWS_ACCESS_KEY_ID/],
    [
      's3://bucket/x',
      { ...keys, AWS_ENDPOINT_URL: 'ftp://x' },
      /^E_OPTION: AWS_ENDPOINT_URL, expected https/,
    ],
    ['s3://bucket/x', { ...keys, AWS_SESSION_TOKEN: 't' }, /^E_UNSUPPORTED: AWS_SESSION_TOKEN/],
    [
      's3://bucket/x',
      { ...keys, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
      /^E_FILE: s3:\/\/bucket\/x: .*check (the endpoint|AWS_ENDPOINT_URL)$/,
    ],
  ])('%s with %o: one line, without the secret', async (spec, environment, line) => {
    const error = await openS3Store(spec, environment).then(
      () => undefined,
      (cause: Error) => cause,
    );
    expect(error?.message).toMatch(line);
    expect(error?.message).not.toContain('hidden');
  });

  test.skipIf(moto === undefined)(
    moto === undefined ? noServer : 'that is not there is said so',
    async () => {
      await expect(openS3Store('s3://no-such-bucket/x', environment)).rejects.toThrow(
        /^E_FILE: s3:\/\/no-such-bucket\/x: there is no such bucket/,
      );
    },
  );
});
