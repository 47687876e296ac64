/**
 * Two records of the same benchmark: whether they agree on who is faster, row by row.
 *
 *   node --import tsx benchmarks/compare.ts A B    (records, or their folders)
 */
import { table } from 'table';
import { TouchstoneError } from '../src/errors.ts';
import { compareRecords, type Line } from './compare/compare.ts';
import type { Call } from './compare/kinds.ts';
import { RULE } from './ratio.ts';

const HEADER = ['row', 'A', '95 %', 'A: faster', 'B', '95 %', 'B: faster', ''];

function cells(call: Call | undefined): string[] {
  if (!call) return ['', '', ''];
  const { ratio, faster } = call;
  const interval = ratio.interval?.map((v) => v.toFixed(2)).join(' – ') ?? `${ratio.n} rounds`;
  return [ratio.median.toFixed(2), interval, faster ?? '–'];
}

function compareTable(lines: readonly Line[]): string {
  const count = (of: Line['verdict']) => lines.filter(({ verdict }) => verdict === of).length;
  const [agreed, against] = [count('agree'), count('DISAGREE')];
  const rows = lines.map((l) => [l.row, ...cells(l.a), ...cells(l.b), l.verdict]);
  const drawn = table([HEADER, ...rows], { drawHorizontalLine: (i, end) => i <= 1 || i === end });
  return `${drawn}Of ${agreed + against} rows that both call, they agree on ${agreed}. ${RULE}\n`;
}

/** Ends with 0; 1 where both call a row, and not the same one faster; 2 where the request was wrong. */
async function main(paths: readonly string[]): Promise<number> {
  const [a, b, ...more] = paths;
  const option = paths.find((path) => path.startsWith('--'));
  if (a === undefined || b === undefined || more.length > 0 || option !== undefined)
    throw new TouchstoneError('E_OPTION', `bench compare ${paths.join(' ')}`, 'two records: A B');
  const lines = await compareRecords(a, b);
  process.stdout.write(compareTable(lines));
  return lines.some(({ verdict }) => verdict === 'DISAGREE') ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`error ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof TouchstoneError ? 2 : 1;
});
