/** A transfer as text for a terminal. */
import pc from 'picocolors';
import { getBorderCharacters, table } from 'table';
import { epsilonText, normText, percent, printable } from '../format.ts';
import type { TerminalOptions } from '../terminal.ts';
import { findingLines } from '../terminal-findings.ts';
import { rowsOf, transferSentences } from './matrix.ts';
import type { TransferResult } from './schema.ts';

/** Accuracy of each target under each source's examples. Names are stripped of control characters. */
export function transferTable(result: TransferResult, options: TerminalOptions = {}): string {
  const colours = pc.createColors(options.colour ?? false);
  const { targets, threat, data } = result;
  const rows = [
    ['examples made on', 'by', ...targets.map((t) => printable(t.name, 40))],
    ['none', '–', ...targets.map((t) => percent(t.accuracy))],
    ...rowsOf(result).map(({ source, attack, cells }) => [
      printable(source, 40),
      printable(attack, 40),
      ...cells.map((c) =>
        c.whiteBox ? colours.bold(`${percent(c.accuracy)} *`) : `${percent(c.accuracy)}  `,
      ),
    ]),
  ];
  const own = result.cells.some((c) => c.whiteBox);
  const lines = [
    colours.bold(
      `${printable(data.name)}, ${result.n} images, ${normText(threat.norm)}, ε = ${epsilonText(threat.epsilon)}`,
    ),
    '',
    table(rows, {
      border: getBorderCharacters('norc'),
      drawVerticalLine: () => false,
      drawHorizontalLine: (line, size) => line <= 1 || line === size,
      columnDefault: { alignment: 'right' },
      columns: { 0: { alignment: 'left' }, 1: { alignment: 'left' } },
    }),
    ...(own ? ['* source and target are the same model'] : []),
    ...transferSentences(result).map((sentence) => printable(sentence)),
    ...findingLines(result.findings, options),
  ];
  return `${lines.join('\n').replaceAll('\u00a0', ' ')}\n`;
}
