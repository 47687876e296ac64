import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AttacksRecord, type Run, rowOf } from '../../benchmarks/attacks/record.ts';
import { compareRecords } from '../../benchmarks/compare/compare.ts';
import type { EnginesRecord } from '../../benchmarks/engines/record.ts';
import { rowsOf } from '../../benchmarks/engines/record.ts';
import { execute, program } from '../cli/harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const shared = {
  tool: { name: 'touchstone', version: '0' },
  machine: { node: '20', platform: 'linux', cpu: 'x', cores: 2, memoryGiB: 4 },
  versions: {},
  threads: 2,
  rounds: 6,
};
const six = (value: number) => Array<number>(6).fill(value);
const runs = (seconds: readonly number[]): Run[] =>
  seconds.map((s) => ({ seconds: s, standing: 9, forwards: 2, backwards: 1, outside: 0 }));

/** Seconds of Foolbox in each attack, where ours took 1. */
function attacksRecordOf(foolbox: Readonly<Record<string, readonly number[]>>, n = 10): AttacksRecord {
  const ours = runs(six(1));
  return {
    ...{ benchmark: 'attacks', date: '2026-01-01T00:00:00.000Z', state: 'whole', ...shared, batch: 256 },
    model: { path: 'm.onnx', sha256: 'm' },
    data: { name: 'mnist', sha256: 'd', n, attacked: 9, pixels: 784 },
    epsilon: { linf: 0.2, l2: 1.4 },
    rows: Object.entries(foolbox).flatMap(([name, seconds]) => {
      const attack = name as 'fgsm';
      return [
        rowOf({ attack, tool: 'touchstone', runs: ours }, ours, n),
        rowOf({ attack, tool: 'foolbox', runs: runs(seconds) }, ours, n),
      ];
    }),
    ...{ curve: [], failures: [] },
  };
}

function enginesRecordOf(pytorch: readonly number[]): EnginesRecord {
  const measured = (engine: string, samples: readonly number[]) => ({
    ...{ of: engine, engine, phase: 'forward', device: 'cpu', forward: 1, backward: 0 },
    samples: [...samples],
  });
  const rows = rowsOf('vit', 4, [measured('onnxruntime', six(1)), measured('PyTorch', pytorch)] as never);
  return { benchmark: 'engines', ...shared, gpus: [], tf32: false, leftOut: [], failures: [], rows };
}

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'touchstone-compare-'));
});
afterAll(() => rmSync(home, { recursive: true }));

function written(name: string, value: unknown): string {
  const path = join(home, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

const verdicts = async (a: unknown, b: unknown) => {
  const lines = await compareRecords(written('a.json', a), written('b.json', b));
  return Object.fromEntries(lines.map(({ row, verdict }) => [row.split(':')[0], verdict]));
};

describe('two records', () => {
  const unsure = [2, 2, 2, 2, 2, 0.5];

  it('agree, disagree, or one of them does not say, row by row', async () => {
    const a = { fgsm: six(2), 'pgd-10': six(2), 'pgd-40': six(2), 'pgd-100': unsure, 'fab-20': unsure };
    const b = { fgsm: six(1.1), 'pgd-10': six(0.9), 'pgd-40': unsure, 'pgd-100': six(3), 'fab-20': unsure };
    const more = { 'square-500': six(2) };
    expect(await verdicts(attacksRecordOf({ ...a, ...more }), attacksRecordOf(b))).toEqual({
      fgsm: 'agree',
      'pgd-10': 'DISAGREE',
      'pgd-40': 'only A calls',
      'pgd-100': 'only B calls',
      'fab-20': 'no call',
      'square-500': 'only in A',
    });
    expect(await verdicts(attacksRecordOf(b), attacksRecordOf({ ...b, ...more }))).toMatchObject({
      'square-500': 'only in B',
    });
  });

  it('of engines compare each with onnxruntime', async () => {
    const lines = await compareRecords(
      written('a.json', enginesRecordOf(six(0.5))),
      written('b.json', enginesRecordOf(six(2))),
    );
    expect(lines).toMatchObject([
      {
        row: 'vit, 4 images, forward, cpu: PyTorch ÷ onnxruntime',
        a: { faster: 'PyTorch', ratio: { median: 0.5 } },
        b: { faster: 'onnxruntime', ratio: { median: 2 } },
        verdict: 'DISAGREE',
      },
    ]);
  });

  it('may be given by their folders', async () => {
    const folder = join(home, '2026-01-01-attacks');
    mkdirSync(folder);
    writeFileSync(join(folder, 'record.json'), JSON.stringify(attacksRecordOf({ fgsm: six(2) })));
    const file = written('plain.json', attacksRecordOf({ fgsm: six(0.5) }));
    expect(await compareRecords(folder, file)).toMatchObject([{ verdict: 'DISAGREE' }]);
    await expect(compareRecords(home, file)).rejects.toThrow(/^E_FILE: cannot read \S+record\.json/);
  });

  it('are refused where they are not of the same', async () => {
    const one = attacksRecordOf({ fgsm: six(2) });
    const other = (change: object) => verdicts(one, { ...one, ...change });
    await expect(other({ threads: 8 })).rejects.toThrow(
      /^E_OPTION: A's threads is 2, B's 8, expected two records/,
    );
    await expect(other({ epsilon: { linf: 0.1, l2: 0.7 } })).rejects.toThrow(/^E_OPTION: A's epsilon is 0.2/);
    await expect(verdicts(one, attacksRecordOf({}, 20))).rejects.toThrow(
      /A's data is d, 10 images, B's d, 20/,
    );
    await expect(verdicts(one, enginesRecordOf(six(2)))).rejects.toThrow(
      /A's benchmark is attacks, B's engines/,
    );
  });

  it('are refused where they are none', async () => {
    const one = attacksRecordOf({ fgsm: six(2) });
    await expect(verdicts(one, '{')).rejects.toThrow(/^E_DATA: .*b\.json is no JSON/);
    await expect(verdicts(one, { benchmark: 'nap' })).rejects.toThrow(
      /is of bench nap, expected a record of bench attacks/,
    );
    await expect(verdicts({ ...one, rows: [{}] }, one)).rejects.toThrow(
      /^E_DATA: .*a\.json does not read as/,
    );
    await expect(compareRecords(join(home, 'nix.json'), join(home, 'a.json'))).rejects.toThrow(
      /^E_FILE: cannot read .*nix\.json \(ENOENT\)/,
    );
  });
});

describe('bench compare', () => {
  const compare = (...paths: string[]) =>
    execute(process.execPath, [program, 'bench', 'compare', ...paths], root);

  it('ends with 0 where they agree, with 1 where they do not', async () => {
    const a = written('one.json', attacksRecordOf({ fgsm: six(2), 'pgd-10': six(2) }));
    const b = written('two.json', attacksRecordOf({ fgsm: six(3), 'pgd-10': six(0.5) }));
    const same = await compare(a, a);
    expect(same.code).toBe(0);
    expect(same.stdout).toContain('Of 2 rows that both call, they agree on 2.');
    const differing = await compare(a, b);
    expect(differing.code).toBe(1);
    expect(differing.stdout).toMatch(
      /pgd-10: Foolbox ÷ touchstone │ 2\.00 │ 2\.00 – 2\.00 │ touchstone │ 0\.50 .*DISAGREE/,
    );
    expect(differing.stdout).toContain('Of 2 rows that both call, they agree on 1.');
  });

  it('ends with 2 where the request was wrong, in one line', async () => {
    const a = written('one.json', attacksRecordOf({ fgsm: six(2) }));
    const one = await compare(a);
    expect(one.code).toBe(2);
    expect(one.stderr).toMatch(/^error E_OPTION: bench compare .*, expected two records: .*\n$/);
    const missing = await compare(a, join(home, 'nix.json'));
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/^error E_FILE: cannot read .*\n$/);
  });
});
