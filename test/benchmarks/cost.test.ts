import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseOptions } from '../../benchmarks/cost/options.ts';
import { type Cost, type CostRecord, costRecord } from '../../benchmarks/cost/record.ts';
import { benchCost } from '../../benchmarks/cost/run.ts';
import { costTable, holds } from '../../benchmarks/cost/table.ts';
import { Beds, randomImages } from '../../benchmarks/phases/bed.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { float32, type Tensor } from '../../src/graph/index.ts';
import type { MethodName } from '../../src/train/index.ts';
import { execute, program } from '../cli/harness.ts';
import { digitsOf, RELATIVE, textbook } from './statistics.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** 300 images: two mini-batches of 128 and one of 44. */
const tiny = ['--limit', '300', '--rounds', '3', '--device', 'cpu', '--threads', '1'];
const progress = createProgress({ quiet: true });

describe('bench cost', () => {
  let record: CostRecord;
  const soFar: string[][] = [];
  beforeAll(async () => {
    const options = parseOptions([...tiny, '--methods', 'natural,m-pgd,fat,dat', '--epochs', '3']);
    record = await benchCost(options, {
      progress,
      signal: new AbortController().signal,
      onRecord: async ({ methods }) => void soFar.push(methods.map((m) => m.method)),
    });
  }, 120_000);

  const of = (method: string): Cost => record.methods.find((m) => m.method === method)!;
  const worksOf = (method: string) =>
    of(method).works.map(({ phase, steps, share, count }) => [phase, steps ?? share ?? null, count]);

  it('projects from phases × counts, and compares with the run that it timed', () => {
    expect(record.failures).toEqual([]);
    expect(record.state).toBe('whole');
    for (const m of record.methods) {
      expect(m).toMatchObject({ epochs: 3, images: 300, batches: 3 });
      // 300 images are 2.34375 mini-batches.
      const epoch = (e: number) =>
        m.works.reduce((sum, { samples, byEpoch }) => {
          const from = byEpoch.slice(0, e).reduce((n, before) => n + before.n, 0);
          const own = samples.slice(from, from + byEpoch[e]!.n);
          return sum + byEpoch[e]!.count * textbook(own.length > 0 ? own : samples).p50;
        }, 0);
      const batches = epoch(0) + epoch(1) + epoch(2);
      expect(m.projectedSeconds * 1000).toBeCloseTo(2.34375 * batches, 1); // samples have four digits
      for (const { n, count, byEpoch } of m.works) {
        expect(byEpoch.reduce((sum, each) => sum + each.n, 0)).toBe(n);
        expect(byEpoch.reduce((sum, each) => sum + each.count, 0) / 3).toBeCloseTo(count, 10);
      }
      expect(m.error).toBeCloseTo(m.projectedSeconds / m.steadySeconds - 1, 10);
      expect(m.errorAsRun).toBeCloseTo(m.projectedSeconds / m.timedSeconds - 1, 10);
      expect(m.timedSeconds).toBeGreaterThan(0);
    }
    expect(soFar.at(-1)).toEqual(['natural', 'm-pgd', 'fat', 'dat']);
  });

  it('takes the counts of the listing, or, where the data decide, of the run', () => {
    expect(record.methods.map((m) => m.counts)).toEqual(['formula', 'run', 'run', 'formula']);
    expect(worksOf('natural')).toEqual([
      ['batch', null, 1],
      ['update', null, 1],
    ]);
    // Natural in two of three epochs: ⌊3/2 + ½⌋
    expect(worksOf('dat')).toEqual([
      ['batch', null, 1],
      ['update', null, 1],
      ['RAT line 4', null, expect.closeTo(1 / 3, 10)],
      ['RAT lines 5-8', 10, expect.closeTo(1 / 3, 10)],
    ]);
    // r is 1 in the first epoch and 2 in the second and third: Alg. 4, l. 15–21
    expect(worksOf('m-pgd')).toEqual([
      ['batch', null, 1],
      ['RAT line 4', null, 1],
      ['DEAT Alg. 4, lines 8-12', null, 1],
      ['update', null, 1],
      ['RAT lines 5-8', 1, expect.closeTo(2 / 3, 10)],
    ]);
  });

  it('a friendly attack’s calls are between τ + 1 and T', () => {
    const calls = of('fat')
      .works.filter(({ phase }) => phase === 'FAT')
      .reduce((sum, { count, steps }) => sum + count * steps!, 0);
    expect(calls).toBeGreaterThanOrEqual(4); // τ = 3
    expect(calls).toBeLessThanOrEqual(5); // T = 5
  });

  it('keeps the samples that its figures are of, in milliseconds of four digits', () => {
    for (const { samples, n, mean, p50, sd } of record.methods.flatMap((m) => m.works)) {
      const expected = textbook(samples);
      expect([n, p50]).toEqual([expected.n, expected.p50]);
      expect(Math.abs(mean / expected.mean - 1)).toBeLessThan(RELATIVE);
      expect(Math.abs(sd - expected.sd)).toBeLessThan(RELATIVE * expected.mean);
      expect(Math.max(...samples.map(digitsOf))).toBeLessThanOrEqual(4);
    }
  });

  it('writes a record of its schema, and shows every method', () => {
    expect(costRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
    const text = costTable(record);
    for (const m of record.methods)
      expect(text).toMatch(new RegExp(`║ ${m.method} +│ ${m.counts} .* ${holds(m) ? 'yes' : 'no'} │`));
    expect(text).toContain(`${record.methods.filter(holds).length} of 4 projections are within 10 %`);
    expect([0.1, -0.11, -0.09].map((errorAsRun) => holds({ errorAsRun }))).toEqual([true, false, true]);
  });

  it('keeps the methods that are done when it is interrupted', async () => {
    const stop = new AbortController();
    const found = await benchCost(parseOptions([...tiny, '--methods', 'natural,pgd', '--epochs', '1']), {
      progress,
      signal: stop.signal,
      onRecord: async () => stop.abort(),
    });
    expect(found.state).toBe('interrupted');
    expect(found.methods.map((m) => m.method)).toEqual(['natural']);
  });

  it.each([
    ['--methods nap', /^E_OPTION: --methods nap/],
    ['--engine pytorch', /^E_OPTION: --engine pytorch, expected onnxruntime, tensorflow/],
    ['--rounds 2', /^E_OPTION: --rounds 2, expected a whole number of at least 3/],
    ['--models vgg16', /^E_OPTION: Unknown option '--models'/],
  ])('refuses %s', (argv, line) => {
    expect(() => parseOptions(argv.split(' '))).toThrow(line);
  });

  it('phases run on the weights that the run has come to', async () => {
    const engine = onnxruntimeEngine({ device: 'cpu', threads: 1 });
    const beds = new Beds({ engine, model: 'mnist-cnn', batch: 2, data: randomImages('mnist-cnn', 8) });
    const flat = ({ data, shape }: Tensor) => float32(new Float32Array(data.length).fill(0.125), shape);
    const logits = async (method: MethodName) => {
      const { learner, x } = await beds.argumentsOf(method);
      return learner.logits(x);
    };
    try {
      const whole = await beds.bedOf('efgsm+reconstructor');
      const { parameters, velocities } = whole.state;
      const moved = new Map([...parameters].map(([name, tensor]) => [name, flat(tensor)]));
      // One trains a second network, too, and the other does not.
      for (const method of ['natural', 'efgsm+reconstructor'] as const) {
        const before = await logits(method);
        (await beds.bedOf(method)).adopt({ parameters: moved, velocities });
        const after = await logits(method);
        expect(after).not.toEqual(before);
        expect(new Set(after.subarray(0, 10)).size).toBe(1); // equal weights, equal logits
      }
      expect((await beds.bedOf('natural')).state.parameters.size).toBeLessThan(parameters.size);
    } finally {
      await beds.close();
      await engine.close();
    }
  });

  it('is a command, which writes its record', async () => {
    const home = mkdtempSync(join(tmpdir(), 'touchstone-cost-'));
    try {
      const file = join(home, 'cost.json');
      const args = ['bench', 'cost', ...tiny, '--methods', 'natural', '--epochs', '1', '--json', file];
      const { code, stdout } = await execute(process.execPath, [program, ...args], root);
      expect(code).toBe(0);
      expect(stdout).toContain('of 1 projections');
      expect(costRecord.parse(JSON.parse(readFileSync(file, 'utf8'))).methods).toHaveLength(1);
    } finally {
      rmSync(home, { recursive: true });
    }
  }, 60_000);
});
