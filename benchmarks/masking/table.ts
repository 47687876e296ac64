import { table } from 'table';
import type { Row } from './record.ts';

const SIGNS = { pass: '·', warn: '!', fail: '✕' } as const;

/** Models by checks: `✕` fail, `!` warn, `·` pass, empty where there was nothing to judge by. */
export function maskingTable(rows: readonly Row[], ids: readonly string[]): string {
  const numbers = ids.map((id, i) => `${String(i + 1).padStart(2)} ${id}`);
  const head = ['model', 'robust', ...ids.map((_, i) => String(i + 1)), 'verdict', 'as expected'];
  const body = rows.map((r) => [
    r.model,
    `${(100 * r.robustAccuracy).toFixed(1)} %`,
    ...ids.map((id) => {
      const found = r.checks.find((c) => c.id === id);
      return found ? SIGNS[found.verdict] : '';
    }),
    r.belief,
    r.asExpected ? 'yes' : `NO: ${r.expected ?? 'no check may fail'}`,
  ]);
  const centred = Object.fromEntries(ids.map((_, i) => [i + 2, { alignment: 'center' as const }]));
  return `${table([head, ...body], { columns: { 1: { alignment: 'right' }, ...centred } })}${numbers.join('\n')}\n✕ fail, ! warn, · pass\n`;
}
