/** A sweep as text for a terminal. */
import pc from 'picocolors';
import { getBorderCharacters, table } from 'table';
import { epsilonText, normText, percent, printable } from '../format.ts';
import type { TerminalOptions } from '../terminal.ts';
import { findingLines } from '../terminal-findings.ts';
import type { SweepResult } from './schema.ts';
import { columnsOf, radiiOf, sweepSentence } from './settings.ts';

/** Robust accuracy by radius and setting, then what is odd about it. Names are stripped of control characters. */
export function sweepTable(sweep: SweepResult, options: TerminalOptions = {}): string {
  const columns = columnsOf(sweep);
  const rows = [
    ['ε', ...columns.map((c) => c.label)],
    ...radiiOf(sweep).map((epsilon, row) => [
      epsilonText(epsilon),
      ...columns.map((c) => percent(c.cells[row]!.robustAccuracy)),
    ]),
  ];
  const colours = pc.createColors(options.colour ?? false);
  const subject = `${printable(sweep.model.path)} on ${printable(sweep.data.name)}, ${sweep.attack}, ${normText(sweep.norm)}`;
  const lines = [
    colours.bold(subject),
    '',
    table(rows, {
      border: getBorderCharacters('norc'),
      drawVerticalLine: () => false,
      drawHorizontalLine: (line, size) => line <= 1 || line === size,
      columnDefault: { alignment: 'right' },
    }),
    sweepSentence(sweep),
    ...findingLines(sweep.findings, options),
  ];
  return `${lines.join('\n').replaceAll('\u00a0', ' ')}\n`;
}
