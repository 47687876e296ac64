import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseOptions } from '../../benchmarks/engines/options.ts';
import { type EnginesRecord, enginesRecord, rowsOf } from '../../benchmarks/engines/record.ts';
import { benchEngines } from '../../benchmarks/engines/run.ts';
import { enginesTable } from '../../benchmarks/engines/table.ts';
import { interleaved, quantile } from '../../benchmarks/measure.ts';
import { execute, program } from '../cli/harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

describe('bench engines', () => {
  let record: EnginesRecord;
  beforeAll(async () => {
    const options = '--models mnist-cnn --batch 8 --rounds 2 --engines onnxruntime --device cpu';
    record = await benchEngines(parseOptions(options.split(' ')));
  });

  it('has a row per phase, with the passes that the engine counted', () => {
    expect(record.failures).toEqual([]);
    expect(record.rows.map((r) => [r.phase, r.forward, r.backward])).toEqual([
      ['forward', 1, 0],
      ['gradient', 1, 1],
      ['pgd-step', 1, 1],
      ['pgd-10', 10, 10],
      ['pgd-10-apart', 10, 10],
      ['train-step', 1, 1],
      ['rat-10', 11, 11],
    ]);
    for (const row of record.rows) {
      expect(row).toMatchObject({ model: 'mnist-cnn', batch: 8, engine: 'onnxruntime', device: 'cpu', n: 2 });
      expect(row.samples).toHaveLength(2);
      expect(row.overOnnxruntime).toBe(1);
      expect(row.overPytorch).toBeNull();
    }
  });

  it('is timed: ten steps take longer than one', () => {
    const least = (phase: string) => Math.min(...record.rows.find((r) => r.phase === phase)!.samples);
    expect(least('pgd-10')).toBeGreaterThan(2 * least('pgd-step'));
  });

  it('writes a record of its schema, which refuses others', () => {
    const read = JSON.parse(JSON.stringify(record));
    expect(enginesRecord.parse(read)).toEqual(record);
    expect(record.versions['onnxruntime-node']).toMatch(/^\d+\.\d+/);
    const [first] = read.rows;
    for (const wrong of [{ forward: 0.5 }, { phase: 'nap' }, { samples: ['1'] }, { n: 0 }])
      expect(enginesRecord.safeParse({ ...read, rows: [{ ...first, ...wrong }] }).success).toBe(false);
  });

  it('prints every row', () => {
    const text = enginesTable(record);
    for (const row of record.rows) expect(text).toMatch(new RegExp(`mnist-cnn, 8 +│ ${row.phase} `));
  });

  it('leaves out an engine that is not there, and says how to set it up', async () => {
    const lines: string[] = [];
    const python = process.env.PYTHON;
    process.env.PYTHON = '/nowhere/python';
    try {
      const options = '--models mnist-cnn --batch 2 --rounds 1 --phases forward --device cpu';
      const engines = ['--engines', 'pytorch,onnxruntime'];
      const { leftOut, rows } = await benchEngines(parseOptions([...options.split(' '), ...engines]), {
        say: (l) => lines.push(l),
      });
      expect(leftOut.map((l) => l.engine)).toEqual(['pytorch']);
      expect(rows.map((r) => r.engine)).toEqual(['onnxruntime']);
      expect(lines[0]).toMatch(/^pytorch is left out: no Python at \/nowhere\/python, .*set PYTHON$/);
      const alone = benchEngines(parseOptions([...options.split(' '), '--engines', 'pytorch']));
      await expect(alone).rejects.toThrow(/^E_ENGINE: none of pytorch is set up/);
    } finally {
      if (python === undefined) delete process.env.PYTHON;
      else process.env.PYTHON = python;
    }
  });
});

describe('the options of bench engines', () => {
  it.each([
    ['--models nix', /^E_OPTION: --models nix, expected mnist-cnn, /],
    ['--models ,', /^E_OPTION: --models ,/],
    ['--engines torch', /^E_OPTION: --engines torch, expected onnxruntime, tensorflow, pytorch/],
    ['--phases forward,nap', /^E_OPTION: --phases nap, expected forward, gradient/],
    ['--device cpu,cuda', /^E_OPTION: --device cpu,cuda, expected auto, cpu, cuda/],
    ['--batch 1.5', /^E_OPTION: --batch 1.5, expected a whole number/],
    ['--rounds 0', /^E_OPTION: --rounds 0/],
    ['--nap', /^E_OPTION: Unknown option '--nap'/],
  ])('refuse %s', (argv, line) => {
    expect(() => parseOptions(argv.split(' '))).toThrow(line);
  });

  it('end the command with 2, in one line', async () => {
    const ended = await execute(process.execPath, [program, 'bench', 'engines', '--phases', 'nap'], root);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^error E_OPTION: --phases nap, expected .*\n$/);
    const other = await execute(process.execPath, [program, 'bench', 'attacks', '--batch', '3'], root);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(
      /E_OPTION: --batch for bench attacks, expected --rounds, --model, .*--json, --save/,
    );
  });
});

describe('what is made of the samples', () => {
  it('quantiles are R’s type 7', () => {
    // quantile(c(7, 1, 3, 12), c(0, .25, .5, .75, 1)) in R
    const values = [7, 1, 3, 12];
    expect([0, 0.25, 0.5, 0.75, 1].map((q) => quantile(values, q))).toEqual([1, 2.5, 5, 8.25, 12]);
    expect(quantile([4], 0.25)).toBe(4);
  });

  it('ratios are to the same phase: of onnxruntime, and of PyTorch’s fastest variant', () => {
    const measured = (of: string, engine: string, phase: 'forward' | 'gradient', samples: number[]) => ({
      ...{ of, engine, phase, samples },
      ...({ device: 'cpu', forward: 1, backward: 0 } as const),
    });
    const rows = rowsOf('m', 2, [
      measured('onnxruntime', 'onnxruntime', 'forward', [2, 2, 2]),
      measured('onnxruntime', 'onnxruntime', 'gradient', [6, 5, 7]),
      measured('pytorch', 'PyTorch, a', 'gradient', [12]),
      measured('pytorch', 'PyTorch, b', 'gradient', [8]),
    ]);
    expect(rows.map((r) => [r.overForward, r.overOnnxruntime, r.overPytorch])).toEqual([
      [1, 1, null],
      [3, 1, 0.75],
      [null, 2, 1.5],
      [null, 8 / 6, 1],
    ]);
  });

  it('rounds take turns; long work is not warmed up, and a time limit leaves three', async () => {
    const order: string[] = [];
    const work = (name: string, milliseconds: number) => async () => {
      order.push(name);
      return milliseconds;
    };
    const both = { a: work('a', 1), b: work('b', 900) };
    const samples = await interleaved(1, both, { warmUpBelow: 500 });
    expect(order.join('')).toBe('aabbaab');
    expect(samples).toEqual({ a: [1], b: [900] });
    expect((await interleaved(5, both, { seconds: 0 })).a).toHaveLength(3);
  });
});
