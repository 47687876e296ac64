import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { latestRecord } from '../../benchmarks/keep.ts';
import { demoTable, withTable } from '../../benchmarks/readme/table.ts';
import { parseResult } from '../../src/report/index.ts';

const file = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const record = parseResult(JSON.parse(readFileSync(latestRecord('demo'), 'utf8')));
const readme = file('README.md');

describe('README’s first table', () => {
  it('is that of the record: `npm run readme` writes it', () => {
    expect(withTable(readme, record)).toBe(readme);
  });

  it('has the record’s numbers', () => {
    const { correct, n } = record.robust;
    expect(readme).toContain(`**${((100 * correct) / n).toFixed(1)} %**`);
    for (const { forwards } of record.attacks)
      expect(readme).toContain(` ${forwards.toLocaleString('en')} |`);
  });

  it('changes where the record does', () => {
    const [first, ...others] = record.attacks;
    const changed = { ...record, attacks: [{ ...first!, forwards: first!.forwards + 1 }, ...others] };
    expect(demoTable(changed)).not.toBe(demoTable(record));
    expect(withTable(readme, changed)).not.toBe(readme);
  });

  it('says what the verifier and the checks said', () => {
    const rejected = { ...record.verifier, ok: false, rejected: 3 };
    expect(demoTable({ ...record, verifier: rejected })).toMatch(/The verifier rejected 3 of \d+/);
    const [check, ...checks] = record.checks;
    expect(demoTable({ ...record, checks: [{ ...check!, verdict: 'fail' }, ...checks] })).toMatch(
      /of the checks \d+ passed, 0 warned, 1 failed/,
    );
  });

  it('wants its marks', () => {
    expect(() => withTable('# Touchstone\n', record)).toThrow(/README\.md without/);
  });
});
