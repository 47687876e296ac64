import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { batchOf, parseOptions } from '../../benchmarks/phases/options.ts';
import { renderPhases } from '../../benchmarks/phases/page.ts';
import { type PhasesRecord, phasesRecord, type Row } from '../../benchmarks/phases/record.ts';
import { phaseNames } from '../../benchmarks/phases/registry.ts';
import { benchPhases } from '../../benchmarks/phases/run.ts';
import { statisticsOf } from '../../benchmarks/phases/sampling.ts';
import { phasesTable } from '../../benchmarks/phases/table.ts';
import { table3 } from '../../benchmarks/phases/table3.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { TouchstoneError } from '../../src/errors.ts';
import type { EngineRequest } from '../../src/runs/open-engine.ts';
import { execute, program } from '../cli/harness.ts';
import { digitsOf, RELATIVE, textbook } from './statistics.ts';

/** A machine on which TensorFlow was not set up. */
vi.mock('../../src/runs/open-engine.ts', async (original) => {
  const { openEngine } = await original<typeof import('../../src/runs/open-engine.ts')>();
  return {
    openEngine: async (request: EngineRequest) => {
      if (request.engine === 'tensorflow')
        throw new TouchstoneError('E_ENGINE', 'libtensorflow is not there');
      return openEngine(request);
    },
  };
});

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const tiny = ['--models', 'mnist-cnn', '--batch', '4', '--engine', 'onnxruntime', '--device', 'cpu'];
const progress = createProgress({ quiet: true });

describe('bench phases', () => {
  let record: PhasesRecord;
  const soFar: PhasesRecord[] = [];
  beforeAll(async () => {
    const options = parseOptions([...tiny, '--methods', 'all', '--rounds', '1', '--threads', '1']);
    record = await benchPhases(options, {
      progress,
      signal: new AbortController().signal,
      onRecord: async (r) => void soFar.push(structuredClone(r)),
    });
  }, 240_000);

  const row = (phase: string, as?: string): Row =>
    record.rows.find((r) => r.phase === phase && (as === undefined || r.as === as))!;

  it('times every phase, in the settings of every method, with the passes that papers count', () => {
    expect(record.failures).toEqual([]);
    expect(record.state).toBe('whole');
    expect([...new Set(record.rows.map((r) => r.phase))].sort()).toEqual([...phaseNames].sort());
    const passes = (phase: string, as?: string) => {
      const { forward, backward } = row(phase, as);
      return [forward, backward];
    };
    expect(passes('forward')).toEqual([1, 0]);
    expect(passes('update')).toEqual([1, 1]);
    expect(passes('RAT line 4')).toEqual([0, 0]);
    expect(passes('RAT lines 6-7')).toEqual([1, 1]); // Alg. 1, l. 6
    expect(passes('RAT lines 5-8', 'pgd')).toEqual([10, 10]); // T
    expect(passes('GAAT lines 4-6')).toEqual([1, 1]); // Alg. 2, l. 4: one gradient
    expect(passes('GAAT lines 8-9')).toEqual([0, 0]); // "very simple operations", §4.1
    expect(passes('GAAT lines 4-10')).toEqual([1, 1]);
    expect(passes('GAAT eq. 10')).toEqual([1, 2]);
    expect(passes('GAAT eq. 5')).toEqual([1, 2]);
    expect(passes('DEAT lines 6-9')).toEqual([1, 1]); // one pass for ∇θ and ∇x
    expect(passes('DEAT Alg. 4, lines 8-12', 'fast')).toEqual([1, 1]);
    expect(passes('TRADES line 6')).toEqual([1, 0]);
    expect(passes('TRADES lines 6-8')).toEqual([10, 10]);
    expect(passes('FAT', 'f-mart')).toEqual([10, 10]); // T in a row
    expect(passes('eFGSM eq. 12, Δ', 'efgsm')).toEqual([9, 9]); // K − 1
    expect(passes('eFGSM eq. 12, Δ', 'efgsm+trades')).toEqual([1, 1]); // the runner-up only
    expect(passes('eFGSM eq. 16')).toEqual([1, 1]);
  });

  it('says of each what it is, where it is, who takes it', () => {
    expect(row('RAT lines 6-7').about).toBe('one PGD step');
    const [, file, line] = /^(.+):(\d+)$/.exec(row('RAT lines 6-7').source)!;
    const text = readFileSync(join(root, file!), 'utf8').split('\n');
    expect(text[Number(line) - 1]).toContain('function pgdSteps');
    expect(row('update', 'natural').methods).toEqual(expect.arrayContaining(['natural', 'pgd', 'gaat']));
    expect(row('update', 'efgsm').methods).toEqual(['efgsm']);
    expect(row('RAT lines 5-8', 'pgd').methods).toEqual(expect.arrayContaining(['pgd', 'dat', 'mart']));
  });

  it('computes n, mean, p50, sd and the ratio to the forward pass of its samples', () => {
    const forward = row('forward');
    for (const r of record.rows) {
      expect(r).toMatchObject(statisticsOf(r.samples));
      const expected = textbook(r.samples);
      expect(r.n).toBe(expected.n);
      expect(Math.abs(r.p50 / expected.p50 - 1)).toBeLessThan(RELATIVE);
      expect(Math.abs(r.mean / expected.mean - 1)).toBeLessThan(RELATIVE);
      expect(Math.abs(r.sd - expected.sd)).toBeLessThan(RELATIVE * expected.mean);
      expect(Math.max(...r.samples.map(digitsOf))).toBeLessThanOrEqual(4);
      expect(r.warmUp).toBeGreaterThan(0);
      expect(r.overForward).toBeCloseTo(r.p50 / forward.p50, 12);
    }
    expect(forward.overForward).toBe(1);
    expect(row('RAT lines 5-8', 'pgd').p50).toBeGreaterThan(Math.min(...forward.samples));
  });

  it('tells what there is after each round, in a record of its schema', () => {
    expect(soFar).toHaveLength(1);
    expect(soFar[0]!.state).toBe('running');
    expect(soFar[0]!.rows).toEqual(record.rows);
    const read = JSON.parse(JSON.stringify(record));
    expect(phasesRecord.parse(read)).toEqual(record);
    const [first] = read.rows;
    for (const wrong of [{ phase: 'nap' }, { n: 0 }, { samples: ['1'] }, { methods: ['nap'] }])
      expect(phasesRecord.safeParse({ ...read, rows: [{ ...first, ...wrong }] }).success).toBe(false);
  });

  it('projects runs of these phases: RAT by hand', () => {
    const p = record.projections.find(({ method }) => method === 'pgd')!;
    const ms = ['batch', 'RAT line 4', 'RAT lines 5-8', 'update'].map((phase) => row(phase).p50);
    const sum = ms.reduce((a, b) => a + b, 0);
    expect(p).toMatchObject({ projected: true, epochs: 200, images: 60_000, batch: 4, saving: 0 });
    expect(p.batchMilliseconds).toBeCloseTo(sum, 8);
    expect(p.minutes).toBeCloseTo((200 * 15_000 * sum) / 60_000, 6);
  });

  it('shows every row, in the terminal and on the page', () => {
    const [text, page] = [phasesTable(record), renderPhases(record)];
    for (const said of [text, page])
      for (const name of [
        ...phaseNames,
        'Convolutional ReLU',
        'FAT, as f-trades, T = 10, on 25 %',
        'projected',
      ])
        expect(said).toContain(name);
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });

  it('keeps what there is when it is interrupted', async () => {
    const stop = new AbortController();
    const options = parseOptions([...tiny, '--methods', 'natural', '--rounds', '50', '--threads', '1']);
    const found = await benchPhases(options, {
      progress,
      signal: stop.signal,
      onRecord: async () => stop.abort(),
    });
    expect(found.state).toBe('interrupted');
    expect(found.rows.map((r) => r.phase)).toEqual(['forward', 'batch', 'update']);
    expect(found.rows.every((r) => r.n < 50 * 16)).toBe(true);
    expect(phasesTable(found)).toContain('This record is not whole');
  });

  it('leaves out an engine that is not set up, and says so; with no other it stops', async () => {
    const lines: string[] = [];
    const controls = {
      progress: { ...progress, line: (line: string) => lines.push(line) },
      signal: new AbortController().signal,
    };
    const natural = [...tiny, '--methods', 'natural', '--rounds', '1', '--threads', '1'];
    const both = parseOptions([...natural, '--engine', 'tensorflow,onnxruntime']);
    const { leftOut, rows } = await benchPhases(both, controls);
    expect(leftOut).toEqual([{ engine: 'tensorflow', why: 'libtensorflow is not there' }]);
    expect(new Set(rows.map((r) => r.engine))).toEqual(new Set(['onnxruntime']));
    expect(lines).toEqual(['tensorflow is left out: libtensorflow is not there']);
    const alone = benchPhases(parseOptions([...natural, '--engine', 'tensorflow']), controls);
    await expect(alone).rejects.toThrow(/^E_ENGINE: no engine is set up/);
  });
});

describe('table 3', () => {
  const fixture = (model: string, engine: Row['engine'], values: Partial<Record<string, number>>): Row[] =>
    Object.entries(values).map(
      ([phase, p50]) =>
        ({
          ...{ model, batch: 16, engine, device: 'cpu', phase, p50, steps: 10 },
          as: phase.startsWith('GAAT') ? 'gaat' : 'pgd',
        }) as Row,
    );
  const vgg = {
    'RAT lines 5-8': 300,
    'RAT lines 6-7': 28,
    'GAAT lines 4-10': 36,
    'GAAT lines 8-9': 0.5,
    'GAAT lines 4-6': 33,
  };
  const lines = table3({
    steps: 10,
    rows: [
      ...fixture('wrn-28-4', 'tensorflow', { 'RAT lines 5-8': 900 }),
      ...fixture('vgg16', 'onnxruntime', vgg),
      ...fixture('resnet56', 'onnxruntime', vgg),
    ],
  });

  it('has the paper’s rows and columns: what it prints, then what was measured', () => {
    expect(lines).toEqual([
      // arXiv:2309.09464, table 3; the copy at hand has nothing of its GAAT half
      { model: 'VGGNet-16', by: 'paper', batch: 128, cells: [284, 27, null, null, null], ratio: null },
      { model: 'VGGNet-16', by: 'onnxruntime, cpu', batch: 16, cells: [300, 28, 36, 0.5, 33], ratio: 0.12 },
      { model: 'WideResNet-28x4', by: 'paper', batch: 128, cells: [899, 67, null, null, null], ratio: null },
      {
        ...{ model: 'WideResNet-28x4', by: 'tensorflow, cpu', batch: 16 },
        ...{ cells: [900, null, null, null, null], ratio: null },
      },
    ]);
  });

  it('takes RAT’s steps for RAT’s, and not another method’s of other T', () => {
    const [rat] = fixture('vgg16', 'onnxruntime', { 'RAT lines 5-8': 300 });
    const rows = [{ ...rat!, steps: 1, p50: 30 }, rat!];
    expect(table3({ rows, steps: 10 }).at(-1)!.cells[0]).toBe(300);
  });

  it('is drawn so', () => {
    const whole = { state: 'whole', leftOut: [], failures: [], projections: [], steps: 10, threads: 2 };
    const text = phasesTable({ ...whole, rows: [] } as unknown as PhasesRecord);
    expect(text).not.toContain('GAAT, table 3');
    const rows = fixture('vgg16', 'onnxruntime', vgg).map((r) => ({
      ...r,
      ...{ about: '', mean: 1, sd: 1, n: 3, overForward: null, forward: 1, backward: 1, methods: [] },
    }));
    const drawn = phasesTable({ ...whole, rows } as unknown as PhasesRecord);
    expect(drawn).toMatch(/VGGNet-16 │ paper +│ +128 │ +284 │ +27 │ +– │/);
    expect(drawn).toMatch(/onnxruntime, cpu │ +16 │ +300 │ +28\.0 │ +36\.0 │ +0\.50 │ +33\.0 │ +0\.12 /);
  });
});

describe('statistics', () => {
  it('are those of R', () => {
    // x <- c(7, 1, 3, 12); mean(x), median(x), sd(x)
    const { n, mean, p50, sd } = statisticsOf([7, 1, 3, 12]);
    expect([n, mean, p50]).toEqual([4, 5.75, 5]);
    expect(sd).toBeCloseTo(4.856267, 6);
    expect(statisticsOf([4]).sd).toBe(0);
  });
});

describe('the options of bench phases', () => {
  it('are by default those of table 3, on both engines', () => {
    const options = parseOptions([]);
    expect(options.models).toEqual(['mnist-cnn', 'resnet18', 'resnet50', 'wrn-28-4', 'vgg16']);
    expect(options.engines).toEqual(['onnxruntime', 'tensorflow']);
    expect(options.models.map((model) => batchOf(model, options))).toEqual([128, 16, 16, 16, 16]);
    expect(batchOf('resnet18', parseOptions(['--batch', '128']))).toBe(128);
    expect(parseOptions(['--methods', 'all']).methods).toHaveLength(20);
  });

  it.each([
    ['--models nix', /^E_OPTION: --models nix, expected mnist-cnn, /],
    ['--engine torch', /^E_OPTION: --engine torch, expected onnxruntime, tensorflow/],
    ['--methods pgd,nap', /^E_OPTION: --methods nap, expected natural, pgd, /],
    ['--seconds 0', /^E_OPTION: --seconds 0/],
    ['--nap', /^E_OPTION: Unknown option '--nap'/],
  ])('refuse %s', (argv, line) => {
    expect(() => parseOptions(argv.split(' '))).toThrow(line);
  });

  it('end the command with 2, in one line; else it ends with 0 and writes its files', async () => {
    const wrong = await execute(process.execPath, [program, 'bench', 'phases', '--models', 'nap'], root);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/^error E_OPTION: --models nap, expected .*\n$/);
    const other = await execute(process.execPath, [program, 'bench', 'phases', '--phases', 'forward'], root);
    expect(other.stderr).toMatch(/E_OPTION: --phases for bench phases/);
    const home = mkdtempSync(join(tmpdir(), 'touchstone-phases-'));
    try {
      const [json, html] = [join(home, 'p.json'), join(home, 'p.html')];
      const args = ['bench', 'phases', ...tiny, '--methods', 'natural', '--rounds', '1'];
      const done = await execute(process.execPath, [program, ...args, '--json', json, '--html', html], root);
      expect(done.code).toBe(0);
      expect(done.stdout).toContain('Projected runs');
      const written = phasesRecord.parse(JSON.parse(readFileSync(json, 'utf8')));
      expect(written.rows.map((r) => r.phase)).toEqual(['forward', 'batch', 'update']);
      expect(readFileSync(html, 'utf8')).toMatch(/^<!doctype html>/);
    } finally {
      rmSync(home, { recursive: true });
    }
  }, 120_000);
});
