/** `touchstone claims` as text for a terminal: a table per table of the papers, reasons below each. */
import { getBorderCharacters, table } from 'table';
import type { Judged, JudgedTable } from './judged.ts';
import type { ClaimsReport } from './report.ts';
import { claimText, comparedText, hereText, overClaimed, ratioText } from './text.ts';
import { VERDICTS } from './verdict.ts';

const HEADER = ['row', 'column', 'claimed', 'that is', 'by passes', 'here', '÷ claimed', 'verdict'];
const RIGHT = new Set([2, 6]);

/** Where the claim is compared otherwise than it is printed. */
const thatIs = (judged: Judged): string =>
  judged.kind === 'ratio' && judged.claimed !== 1 ? comparedText(judged, judged.claimed) : '';

function cells(judged: Judged, reasons: readonly string[]): string[] {
  const { claim, predicted, verdict, reason } = judged;
  const over = overClaimed(judged);
  return [
    claim.row.join(', '),
    claim.column,
    claimText(claim),
    thatIs(judged),
    predicted === null ? '' : ratioText(predicted),
    hereText(judged),
    over === null ? '' : over.toFixed(2),
    `${verdict} [${reasons.indexOf(reason) + 1}]`,
  ];
}

function oneTable(of: JudgedTable): string {
  const reasons = [...new Set(of.claims.map((j) => j.reason))];
  const text = table([HEADER, ...of.claims.map((j) => cells(j, reasons))], {
    border: getBorderCharacters('norc'),
    columns: HEADER.map((_, c) => ({ alignment: RIGHT.has(c) ? 'right' : 'left' })),
    drawVerticalLine: () => false,
    drawHorizontalLine: (line, size) => line <= 1 || line === size,
  });
  return [
    `${of.paper}, ${of.table}: ${of.caption} (hardware: ${of.hardware})`,
    text.trimEnd(),
    ...reasons.map((reason, i) => `[${i + 1}] ${reason}`),
    ...(of.absent === undefined ? [] : [`Not here: ${of.absent}.`]),
  ].join('\n');
}

/** How many of each verdict, of all and of each table. */
function summary({ tables, counts }: ClaimsReport): string {
  const rows = tables.map(({ paper, table: name, claims }) => [
    `${paper}, ${name}`,
    `${claims.length}`,
    ...VERDICTS.map((verdict) => `${claims.filter((j) => j.verdict === verdict).length}`),
  ]);
  const total = ['all', `${tables.flatMap((t) => t.claims).length}`, ...VERDICTS.map((v) => `${counts[v]}`)];
  return table([['table', 'claims', ...VERDICTS], ...rows, total], {
    columns: [0, 1, 2, 3, 4].map((c) => ({ alignment: c === 0 ? 'left' : 'right' })),
    drawHorizontalLine: (line, size) => line <= 1 || line >= size - 1,
  });
}

export function claimsTable(report: ClaimsReport): string {
  const last = `${report.records.length} records were read. The rules: docs/claims.md. Commands, and where "elsewhere" is: --json FILE, --html FILE.`;
  return `${[...report.tables.map(oneTable), summary(report).trimEnd(), last].join('\n\n')}\n`.replaceAll(
    '\u00a0',
    ' ',
  );
}
