/** What merge refuses, by name, with nothing written. */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { decodeNpz, encodeNpz } from '../../src/io/index.ts';
import { auditRun } from '../../src/runs/audit-run.ts';
import { type MergeRunOptions, mergeRun } from '../../src/runs/merge-run.ts';
import { shardRun } from '../../src/runs/shard-run.ts';
import { readShards } from '../../src/runs/shards.ts';
import { type Files, writeFiles } from '../eval/files.ts';
import { edit, makeShards } from './shards.ts';

const engine = onnxruntimeEngine({ device: 'cpu', threads: 1 });
let folder: string;
let files: Files;
/** Of 3 shards, 2 chunks each; DIRS are copies that a test may spoil. */
let made: string[];
let dirs: [string, string, string];
let count = 0;

const asked = () => ({
  ...{ model: files.model, data: files.data, attacks: ['fgsm', 'pgd'], limit: 36, chunk: 6, seed: 0 },
  ...{ threat: { norm: 'linf', epsilon: 0.06 } as const, parameters: { steps: 2 }, engine, commandLine: [] },
});

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-merge-'));
  files = await writeFiles(folder, 2, 40);
  made = await makeShards(join(folder, 'made'), 3, asked);
});
beforeEach(async () => {
  const at = join(folder, `copy-${count++}`);
  dirs = ['A', 'B', 'C'].map((name) => join(at, name)) as [string, string, string];
  for (const [i, dir] of dirs.entries()) await fs.copy(made[i]!, dir);
});
afterAll(async () => {
  await engine.close();
  await fs.remove(folder);
});

const merge = async (of: readonly string[], more: Partial<MergeRunOptions> = {}) =>
  mergeRun({ shards: await readShards(of), engine, commandLine: [], out: join(folder, 'out'), ...more });

async function refused(of: readonly string[], line: RegExp, more?: Partial<MergeRunOptions>): Promise<void> {
  const error = await merge(of, more).then(
    () => undefined,
    (e: Error) => e,
  );
  const short = error?.message.replaceAll(`${join(dirs[0], '..')}/`, '').replaceAll(`${folder}/`, '');
  expect(short).toMatch(line);
  expect(short).not.toMatch(/\n/);
  expect(fs.existsSync(join(folder, 'out'))).toBe(false);
}

describe('shards that are not all there', () => {
  it('none at all', () => refused([], /^E_OPTION: no folder, expected the folders of all shards/));
  it('a folder that is none', () =>
    refused(
      [dirs[0], join(folder, 'nix')],
      /^E_FILE: nix holds no audit.json, expected the folder of a shard/,
    ));
  it('one that is missing', () =>
    refused([dirs[2], dirs[0]], /^E_FILE: no shard 2\/3, expected all 3: name their folders, too/));
  it('several that are missing', async () => {
    edit(join(dirs[0], 'shard.json'), (shard) => ({ ...shard, of: 400 }));
    await refused([dirs[0]], /^E_FILE: no shard 2\/400, 3\/400, .*11\/400 and 389 more, expected all 400/);
  });
  it('one that is there twice', () =>
    refused(
      [...dirs, made[1]!],
      /^E_FILE: B and made\/2-of-3 both hold shard 2\/3, expected each shard once/,
    ));
  it('the same folder twice', () => refused([...dirs, dirs[1]], /^E_FILE: B and B both hold shard 2\/3/));
  it('one that is not finished', async () => {
    edit(join(dirs[1], 'shard.json'), (shard) => ({ ...shard, state: 'under way' }));
    await refused(
      dirs,
      /^E_FILE: B \(shard 2\/3\) is not finished, expected a whole shard: run its command again/,
    );
  });
  it('one that lacks a part', async () => {
    await fs.remove(join(dirs[2], 'parts', '000005.npz'));
    await refused(dirs, /^E_FILE: C \(shard 3\/3\) lacks C\/parts\/000005.npz, expected all its parts/);
  });
  it('an audit under way that is no shard', async () => {
    const stop = new AbortController();
    const out = join(folder, 'no-shard');
    const onProgress = (stage: string) => {
      if (stage.includes('images 7')) stop.abort();
    };
    await expect(auditRun({ ...asked(), out, onProgress, signal: stop.signal })).rejects.toThrow();
    await refused([out], /^E_DATA: no-shard\/audit.json is not what a shard was asked for/);
    await expect(shardRun({ ...asked(), out, shard: { index: 1, of: 3 } })).rejects.toThrow(
      /^E_FILE: .*no-shard holds an audit under way that is not in shards, expected a new folder/,
    );
  });
});

describe('shards of other audits', () => {
  it.each([
    ['seed', { seed: 1 }, /has another seed \(1; A has 0\)/],
    ['ε', { threat: { norm: 'linf', epsilon: 0.05 } }, /has another threat epsilon \(0.05; A has 0.06\)/],
    ['attacks', { attacks: ['fgsm'] }, /has another list of attacks \(fgsm; A has fgsm, pgd\)/],
    ['steps', { parameters: { steps: 3 } }, /has another attack 1 parameters steps \(3; A has 2\)/],
    ['limit', { limit: 30 }, /has another number of images \(30; A has 36\)/],
    ['chunk', { chunk: 5 }, /has another chunk size \(5; A has 6\)/],
  ] as const)('made with another %s', async (_, other, line) => {
    const out = join(folder, `other-${count}`);
    await shardRun({ ...asked(), ...other, out, shard: { index: 2, of: 3 } });
    await refused(
      [dirs[0], out, dirs[2]],
      new RegExp(`^E_DATA: other-${count} ${line.source}, expected shards of one audit`),
    );
  });

  it.each([
    [
      'model',
      { model: 'f'.repeat(64) },
      /^E_DATA: B has another model \(ffffffffffff…; A has [0-9a-f]{12}…\)/,
    ],
    [
      'data',
      { data: { name: 'x', split: 'test', sha256: 'f'.repeat(64) } },
      /^E_DATA: B has another data name \(x; A/,
    ],
    ['version', { version: '9.9.9' }, /^E_DATA: B has another version of touchstone \(9.9.9; A has \d/],
    ['onnxruntime', { onnxruntime: '0.1' }, /^E_DATA: B has another version of onnxruntime \(0.1; A has 1\./],
    [
      'engine',
      { engine: { name: 'onnxruntime', device: 'cuda', versions: {} } },
      /^E_DATA: B has another engine device \(cuda; A has cpu\)/,
    ],
  ] as const)('that say another %s', async (_, other, line) => {
    edit(join(dirs[1], 'audit.json'), (request) => ({ ...request, ...other }));
    await refused(dirs, line);
  });

  it('of another number', async () => {
    const out = join(folder, 'of-2');
    await shardRun({ ...asked(), out, shard: { index: 2, of: 2 } });
    await refused([dirs[0], out], /^E_DATA: of-2 is one of 2 shards \(A of 3\)/);
  });

  it('that carry the request of others', async () => {
    for (const dir of dirs) edit(join(dir, 'audit.json'), (request) => ({ ...request, seed: 5 }));
    await refused(dirs, /^E_DATA: A \(shard 1\/3\) has an audit.json that is not its own/);
  });
});

describe('a merge that is not of the shards', () => {
  it('with another model', async () => {
    const other = await writeFiles(folder, 5, 40);
    await refused(
      dirs,
      /^E_DATA: model-5.onnx has another model .*; A has .*name it with --model or --data/,
      {
        model: other.model,
      },
    );
  });
  it('with other data', async () => {
    const other = await writeFiles(folder, 6, 40);
    await refused(dirs, /^E_DATA: data-6.npz has another data name \(data-6.npz; A has data-2.npz\)/, {
      data: other.data,
    });
    await refused(dirs, /^E_FILE: cannot read none.npz/, { data: join(folder, 'none.npz') });
  });
  it('with another engine', () => {
    const cuda: Engine = { ...engine, device: 'cuda' };
    return refused(
      dirs,
      /^E_ENGINE: onnxruntime on cuda \(A was made by onnxruntime on cpu\), .*: pass --engine onnxruntime --device cpu/,
      { engine: cuda },
    );
  });
  it('into a folder that is not free', () =>
    expect(merge(dirs, { out: dirs[0] })).rejects.toThrow(
      /^E_FILE: .*A holds a shard of an audit, expected a new folder/,
    ));
});

describe('hostile shards', () => {
  const damaged = (name: string) =>
    new RegExp(`^E_DATA: ${name} is damaged, expected as it was written: remove`);

  it.each([
    ['no JSON', () => '{'],
    ['an index above its number', (s: object) => ({ ...s, index: 4 })],
    ['a number beyond measure', (s: object) => ({ ...s, of: 1e15 })],
    ['a model that steers the terminal', (s: object) => ({ ...s, model: '\u001b[2J' })],
    ['a field of its own', (s: object) => ({ ...s, parts: '../../other' })],
    ['a time that is none', (s: object) => ({ ...s, seconds: -1 })],
  ])('shard.json with %s', async (_, change) => {
    const path = join(dirs[1], 'shard.json');
    const changed = change(fs.readJsonSync(path));
    fs.writeFileSync(path, typeof changed === 'string' ? changed : JSON.stringify(changed));
    await refused(dirs, damaged('B/shard.json'));
  });

  it.each([
    ['a path for a hash', { model: '../../etc/passwd' }],
    ['no attacks', { stages: [] }],
    ['an attack that does not exist', { stages: [{ attack: '__proto__', parameters: {} }] }],
    ['no images', { images: 0 }],
  ])('audit.json with %s', async (_, change) => {
    edit(join(dirs[1], 'audit.json'), (request) => ({ ...request, ...change }));
    await refused(dirs, /^E_DATA: B\/audit.json is not what a shard was asked for, .*: remove B/);
  });

  it('files that are huge, or none', async () => {
    fs.writeFileSync(join(dirs[1], 'shard.json'), ' '.repeat(100_000));
    await refused(dirs, /^E_FILE: B\/shard.json has 100000 bytes, expected at most 65536/);
    fs.truncateSync(join(dirs[0], 'audit.json'), 2 ** 33);
    await refused(dirs, /^E_FILE: A\/audit.json has 8589934592 bytes, expected at most/);
    fs.removeSync(join(dirs[0], 'audit.json'));
    fs.mkdirSync(join(dirs[0], 'audit.json'));
    await refused(dirs, /^E_FILE: A\/audit.json is a folder/);
  });

  const part = () => join(dirs[1], 'parts', '000002.npz');
  const instead = (make: () => void) => {
    fs.removeSync(part());
    make();
  };
  type Arrays = ReturnType<typeof decodeNpz>;
  const respell = (
    change: (arrays: Arrays) => void,
    meta: (value: Record<string, unknown>) => object = (v) => v,
  ) => {
    const arrays = decodeNpz(fs.readFileSync(part()));
    const head = JSON.parse(new TextDecoder().decode(arrays.get('meta')!.data as Uint8Array));
    const text = new TextEncoder().encode(JSON.stringify(meta(head)));
    arrays.set('meta', { dtype: 'uint8', shape: [text.length], data: text });
    change(arrays);
    fs.writeFileSync(part(), encodeNpz(Object.fromEntries(arrays)));
  };
  const data = (arrays: Arrays, name: string) =>
    arrays.get(name)!.data as Float32Array | Int32Array | Uint8Array;
  const labels = (dtype: 'float32' | 'int32', n: number) =>
    dtype === 'int32'
      ? { dtype, shape: [n], data: new Int32Array(n) }
      : { dtype, shape: [n], data: new Float32Array(n) };

  it('that are written again as they were are taken', async () => {
    respell(() => undefined);
    const result = await merge(dirs, { out: join(folder, 'taken') });
    expect(result.robust.n).toBe(36);
  });

  it.each<[string, () => void]>([
    [
      'a bit changed',
      () =>
        fs.writeFileSync(
          part(),
          fs.readFileSync(part()).map((b, i) => (i === 900 ? b ^ 1 : b)),
        ),
    ],
    ['its half', () => fs.truncateSync(part(), fs.statSync(part()).size >> 1)],
    ['nothing', () => fs.truncateSync(part(), 0)],
    ['8 GiB', () => fs.truncateSync(part(), 2 ** 33)],
    ['a folder', () => instead(() => fs.mkdirSync(part()))],
    ['a link to a device', () => instead(() => fs.symlinkSync('/dev/zero', part()))],
    ['a pipe', () => instead(() => void spawnSync('mkfifo', [part()]))],
    ['the part of another chunk', () => fs.copySync(join(dirs[1], 'parts', '000003.npz'), part())],
    [
      'the part of another audit',
      () =>
        respell(
          () => undefined,
          (m) => ({ ...m, request: 'f'.repeat(64) }),
        ),
    ],
    [
      'fewer images',
      () =>
        respell(
          () => undefined,
          (m) => ({ ...m, n: 5 }),
        ),
    ],
    [
      'more images than memory',
      () =>
        respell(
          () => undefined,
          (m) => ({ ...m, n: 2 ** 50 }),
        ),
    ],
    ['labels of no class', () => respell((a) => data(a, 'predicted').fill(7))],
    ['labels in floats', () => respell((a) => void a.set('predicted', labels('float32', 6)))],
    ['too many labels', () => respell((a) => void a.set('predicted_adversarial', labels('int32', 7)))],
    ['images of NaN', () => respell((a) => data(a, 'adversarial').fill(Number.NaN))],
    ['no images', () => respell((a) => void a.delete('adversarial'))],
    ['images that stand and are broken', () => respell((a) => data(a, 'robust').fill(1))],
    [
      'another attack',
      () =>
        respell(
          () => undefined,
          (m) => ({ ...m, stages: (m.stages as object[]).map((s) => ({ ...s, attack: 'mim' })) }),
        ),
    ],
    [
      'one attack less',
      () =>
        respell(
          () => undefined,
          (m) => ({ ...m, stages: (m.stages as object[]).slice(1) }),
        ),
    ],
    [
      'another curve',
      () =>
        respell(
          () => undefined,
          (m) => ({ ...m, curve: (m.curve as object[]).map((p) => ({ ...p, epsilon: 1 })) }),
        ),
    ],
    [
      'a negative time',
      () =>
        respell(
          () => undefined,
          (m) => ({ ...m, verification: { ...(m.verification as object), seconds: -1 } }),
        ),
    ],
  ])('a part that is %s', async (_, spoil) => {
    spoil();
    await refused(dirs, damaged('B/parts/000002.npz'));
  });
});

describe('a shard', () => {
  const shard = (index: number, of: number, more: object = {}) =>
    shardRun({ ...asked(), out: join(folder, 'shard'), ...more, shard: { index, of } });

  it('of more shards than chunks is refused, with the chunk that would do', async () => {
    await expect(shard(1, 7)).rejects.toThrow(
      /^E_OPTION: 7 shards of 36 images in 6 chunks of 6, expected a chunk per shard at least: pass --chunk 5 to all of them$/,
    );
    await expect(shard(1, 37)).rejects.toThrow(/make it 36 shards at most$/);
    expect(fs.existsSync(join(folder, 'shard'))).toBe(false);
    expect((await shard(7, 7, { chunk: 5 })).images).toBe(6);
  });

  it.each([
    [0, 3],
    [4, 3],
    [1.5, 3],
    [1, 2_000_000],
  ])('%s of %s is none', (index, of) =>
    expect(shard(index, of)).rejects.toThrow(/^E_OPTION: shard .* expected i\/n with i from 1 to n/),
  );

  it('does not go on in the folder of another, nor does an audit', async () => {
    const before = fs.readFileSync(join(dirs[0], 'shard.json'), 'utf8');
    await expect(shard(2, 3, { out: dirs[0] })).rejects.toThrow(
      /^E_FILE: .*A holds shard 1\/3, expected shard 2\/3, or a new folder: name another/,
    );
    await expect(shard(1, 3, { out: dirs[0], seed: 9 })).rejects.toThrow(
      /^E_FILE: .*A holds another audit under way \(another seed\)/,
    );
    await expect(auditRun({ ...asked(), out: dirs[0] })).rejects.toThrow(
      /^E_FILE: .*A holds a shard of an audit/,
    );
    expect(fs.readFileSync(join(dirs[0], 'shard.json'), 'utf8')).toBe(before);
  });
});
