/** The records that are kept: a folder each, of their schemas, their figures those of their samples. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { attacksRecord, type MeasuredRow, rowOf } from '../../benchmarks/attacks/record.ts';
import { costRecord } from '../../benchmarks/cost/record.ts';
import { holds } from '../../benchmarks/cost/table.ts';
import { curvesRecord } from '../../benchmarks/curves/record.ts';
import { enginesRecord } from '../../benchmarks/engines/record.ts';
import { gaatRecord } from '../../benchmarks/gaat/record.ts';
import { RECORDS } from '../../benchmarks/keep.ts';
import { maskingRecord } from '../../benchmarks/masking/record.ts';
import { methodsRecord } from '../../benchmarks/methods/record.ts';
import { phasesRecord } from '../../benchmarks/phases/record.ts';
import { methods } from '../../src/train/index.ts';
import { RELATIVE, textbook } from './statistics.ts';

const folders = readdirSync(RECORDS);
const read = (folder: string) =>
  JSON.parse(readFileSync(join(RECORDS, folder, 'record.json'), 'utf8')) as Record<string, unknown>;

const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  attacks: attacksRecord,
  cost: costRecord,
  curves: curvesRecord,
  engines: enginesRecord,
  gaat: gaatRecord,
  masking: maskingRecord,
  methods: methodsRecord,
  phases: phasesRecord,
};
/** Of before its benchmark had a schema. */
const OLDER = ['2026-11-21-engines-pytorch'];

/** Those of a benchmark, whole: none may be there yet. */
function recordsOf<S extends z.ZodType>(benchmark: string, schema: S): z.infer<S>[] {
  const own = folders.filter((folder) => !OLDER.includes(folder) && read(folder).benchmark === benchmark);
  return own.map((folder) => schema.parse(read(folder)));
}

const near = (value: number, expected: number) =>
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(RELATIVE * Math.max(Math.abs(expected), 1e-3));

describe('the records', () => {
  it.each(folders)('%s is a folder that begins with its day', (folder) => {
    expect(folder).toMatch(/^2\d{3}-[01]\d-[0-3]\d-[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/);
    const files = readdirSync(join(RECORDS, folder));
    expect(files).toContain('record.json');
    expect(['page.html', 'log.txt', 'record.json']).toEqual(expect.arrayContaining(files));
  });

  it.each(folders.filter((folder) => !OLDER.includes(folder)))('%s is of its schema', (folder) => {
    const record = read(folder);
    const schema = SCHEMAS[String(record.benchmark)];
    if (schema) expect(schema.safeParse(record).error).toBeUndefined();
    expect(JSON.stringify(record)).toMatch(/"machine"|"environment"/);
    expect(JSON.stringify(record)).toMatch(/"gitCommit"/);
  });
});

describe('their figures are those of their samples:', () => {
  it('phases', () => {
    const records = recordsOf('phases', phasesRecord);
    expect(records.length).toBeGreaterThan(0);
    for (const { rows } of records)
      for (const { samples, n, mean, p50, sd } of rows) {
        const expected = textbook(samples);
        expect(n).toBe(expected.n);
        near(mean, expected.mean);
        near(p50, expected.p50);
        near(sd, expected.sd);
      }
  });

  it('cost, and each method is projected to within a tenth of its run', () => {
    const records = recordsOf('cost', costRecord);
    const projected = new Set(records.flatMap((record) => record.methods.map((m) => m.method)));
    expect([...projected].sort()).toEqual(Object.keys(methods).sort());
    expect(records.flatMap((record) => record.methods.filter((m) => !holds(m)))).toEqual([]);
    for (const record of records)
      for (const { samples, n, p50 } of record.methods.flatMap((m) => m.works)) {
        expect(n).toBe(samples.length);
        near(p50, textbook(samples).p50);
      }
  });

  it('engines', () => {
    const records = recordsOf('engines', enginesRecord);
    expect(records.length).toBeGreaterThan(0);
    for (const { rows } of records)
      for (const { samples, n, median } of rows) {
        expect(n).toBe(samples.length);
        near(median, textbook(samples).p50);
      }
  });

  it('attacks, and who is called faster', () => {
    for (const { rows, data } of recordsOf('attacks', attacksRecord)) {
      const measured = rows.filter((r): r is MeasuredRow => r.state === 'measured');
      const runsOf = ({ samples, outside }: MeasuredRow) =>
        samples.seconds.map((seconds, i) => ({
          ...{ seconds, outside, standing: samples.standing[i]! },
          ...{ forwards: samples.forwards[i]!, backwards: samples.backwards[i]! },
        }));
      for (const row of measured) {
        near(row.seconds, textbook(row.samples.seconds).p50);
        const ours = measured.find((r) => r.attack === row.attack && r.tool === 'touchstone');
        const { attack, tool } = row;
        expect(rowOf({ attack, tool, runs: runsOf(row) }, ours && runsOf(ours), data.n)).toEqual(row);
      }
    }
  });

  it('gaat', () => {
    for (const { rows, batches } of recordsOf('gaat', gaatRecord))
      for (const { name, batchMilliseconds } of rows)
        if (batchMilliseconds !== null) near(batchMilliseconds, textbook(batches[name]!).p50);
  });
});
