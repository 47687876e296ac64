/** A comparison as text for a terminal. */
import pc from 'picocolors';
import { getBorderCharacters, table } from 'table';
import { printable } from '../format.ts';
import type { TerminalOptions } from '../terminal.ts';
import type { Comparison } from './schema.ts';
import { accuracyText, comparisonSentence, countText, savingText, tableTitle, timeText } from './text.ts';

/** A table per model, data set and radius, then what failed. Names are stripped of control characters. */
export function comparisonTable(comparison: Comparison, options: TerminalOptions = {}): string {
  const colours = pc.createColors(options.colour ?? false);
  const lines = [colours.bold(`${printable(comparison.name)}: ${comparisonSentence(comparison)}`), ''];
  for (const [t, data] of comparison.tables.entries()) {
    const times = comparison.times.rows[t]!;
    const trained = data.rows.some(({ backwards }) => backwards !== null);
    const head = ['method', 'natural %', ...data.columns.map((name) => `${printable(name)} %`), 'robust %'];
    const rows = data.rows.map((row, r) => [
      `${printable(row.method)}${row.failed > 0 ? ` (${row.failed} failed)` : ''}${row.doubted > 0 ? ' (!)' : ''}`,
      accuracyText(row.natural),
      ...row.attacks.map(accuracyText),
      accuracyText(row.robust),
      ...(trained
        ? [
            countText(row.backwards),
            savingText(row.saving),
            timeText(times[r]!.training),
            savingText(times[r]!.saving),
          ]
        : []),
    ]);
    const costs = trained ? ['#BP', 'saves', 'seconds', 'saves'] : [];
    lines.push(
      colours.bold(printable(tableTitle(data, comparison))),
      table([[...head, ...costs], ...rows], {
        border: getBorderCharacters('norc'),
        drawVerticalLine: () => false,
        drawHorizontalLine: (line, size) => line <= 1 || line === size,
        columnDefault: { alignment: 'right' },
        columns: { 0: { alignment: 'left' } },
      }),
    );
  }
  if (comparison.tables.some(({ rows }) => rows.some(({ doubted }) => doubted > 0)))
    lines.push(
      '(!) an audit says itself that its figure is doubtful or not to be believed: see its report.html',
    );
  for (const { id, failure } of comparison.cells)
    if (failure)
      lines.push(colours.red(`failed ${printable(id)}: ${failure.job}: ${printable(failure.reason)}`));
  return `${lines.join('\n').replaceAll('\u00a0', ' ')}\n`;
}
