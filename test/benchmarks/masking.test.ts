/** The committed record of `bench masking`, its table, and when a row is as expected. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { latestRecord } from '../../benchmarks/keep.ts';
import { asExpected, maskingRecord } from '../../benchmarks/masking/record.ts';
import { maskingTable } from '../../benchmarks/masking/table.ts';
import { brokenDefences } from '../../models/broken/index.ts';
import { checks } from '../../src/eval/index.ts';

const { rows } = maskingRecord.parse(JSON.parse(readFileSync(latestRecord('masking'), 'utf8')));

describe('the record', () => {
  it('holds every broken defence, with the check that is meant for it', () => {
    for (const { name, check } of Object.values(brokenDefences))
      expect(rows.find((r) => r.model === name)).toMatchObject({ expected: check });
  });

  it('judges its rows as the code does, and all are as expected', () => {
    for (const r of rows)
      expect([r.model, asExpected(r.expected ?? undefined, r.checks)]).toEqual([r.model, true]);
    expect(rows.every((r) => r.asExpected)).toBe(true);
    for (const r of rows) for (const { id } of r.checks) expect(checks).toHaveProperty(id);
  });

  it('believes the honest models', () => {
    expect(rows.filter((r) => r.expected === null).map((r) => r.belief)).toEqual(Array(3).fill('believable'));
  });
});

describe('asExpected', () => {
  const found = [
    { id: 'a', verdict: 'fail' },
    { id: 'b', verdict: 'warn' },
  ] as const;
  it('wants the failure of one check, or of none', () => {
    expect(asExpected('a', found)).toBe(true);
    expect(asExpected('b', found)).toBe(false);
    expect(asExpected('c', found)).toBe(false);
    expect(asExpected(undefined, found)).toBe(false);
    expect(asExpected(undefined, [found[1]])).toBe(true);
  });
});

it('the table has a row per model, a column per check, and names what is not as expected', () => {
  const wrong = { ...rows[0]!, asExpected: false };
  const text = maskingTable([wrong, rows[1]!], ['converged', 'no-such-check']);
  expect(text).toContain('NO: no check may fail');
  expect(text.split('\n').filter((line) => line.includes('mnist-'))).toHaveLength(2);
  expect(text).toMatch(/^ 2 no-such-check$/m);
});
