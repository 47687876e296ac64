/** The audit as text for a terminal. */
import pc from 'picocolors';
import { getBorderCharacters, table } from 'table';
import {
  epsilonText,
  integer,
  machinesText,
  normText,
  percent,
  percentRange,
  printable,
  secondsNumber,
} from './format.ts';
import { buildHeadline, countVerdicts } from './headline.ts';
import type { Result, Verdict } from './schema.ts';

export interface TerminalOptions {
  /** ANSI colours. @default false */
  readonly colour?: boolean;
  /** Columns of the terminal; below 68 the table keeps the essential columns only. @default 80 */
  readonly width?: number;
}

const WIDE = 68;
/** Of what to do next, so much at once. */
const MOST_NEXT = 3;

/**
 * The headline, the attacks with their costs and the worst case, the verifier and the checks that did not pass.
 *
 * Names are stripped of control characters: a model's file cannot steer the terminal.
 */
export function auditTable(result: Result, options: TerminalOptions = {}): string {
  const width = Math.max(36, options.width ?? 80);
  const colours = pc.createColors(options.colour ?? false);
  const paint: Record<Verdict, (text: string) => string> = {
    pass: colours.green,
    warn: colours.yellow,
    fail: colours.red,
  };
  const headline = buildHeadline(result);
  const { threat, data, verifier } = result;

  const subject =
    `${printable(result.model.path)} on ${printable(data.name)} ${printable(data.split)}, ` +
    `${normText(threat.norm)}, ε = ${epsilonText(threat.epsilon)}`;
  const tried = result.checks.filter((check) => check.verdict !== 'pass');
  const counts = countVerdicts(result);
  const lines = [
    ...wrap(subject, width).map(colours.bold),
    '',
    attacks(result, width, colours.bold),
    ...wrap(printable(headline.sentence), width).map(colours.bold),
    ...wrap(
      `95 % intervals: clean ${percentRange(result.confidence.clean)}, robust ${percentRange(result.confidence.robust)}`,
      width,
    ),
    ...wrap(printable(headline.trustSentence), width).map(paint[headline.trust]),
    ...headline.next.slice(0, MOST_NEXT).flatMap((step) => wrap(`next: ${printable(step)}`, width)),
    ...wrap(
      `verifier: ${headline.verifier}, ${integer(verifier.checked)} checked, ${integer(verifier.rejected)} rejected; ` +
        `checks: ${counts.pass} pass, ${counts.warn} warn, ${counts.fail} fail`,
      width,
    ),
    ...(result.machines ? wrap(`made by ${printable(machinesText(result.machines))}`, width) : []),
    ...tried.flatMap((check) =>
      wrap(
        `${check.verdict} ${printable(check.id)}: ${printable(check.message)} (${printable(check.section)})`,
        width - 2,
      ).map((line, i) => (i === 0 ? paint[check.verdict](line) : `  ${line}`)),
    ),
  ];
  return `${lines.join('\n').replaceAll('\u00a0', ' ')}\n`;
}

function attacks(result: Result, width: number, bold: (text: string) => string): string {
  const wide = width >= WIDE;
  const numeric = wide ? ['robust', 'broken', 'forwards', 'backwards', 'seconds'] : ['robust', 'seconds'];
  const row = (
    name: string,
    accuracy: number,
    broken: number,
    cost: { forwards: number; backwards: number; seconds: number } | undefined,
  ): string[] =>
    wide
      ? [
          name,
          percent(accuracy),
          integer(broken),
          cost ? integer(cost.forwards) : '',
          cost ? integer(cost.backwards) : '',
          cost ? secondsNumber(cost.seconds) : '',
        ]
      : [name, percent(accuracy), cost ? secondsNumber(cost.seconds) : ''];

  const { clean, robust } = result;
  const total = result.attacks.reduce(
    (sum, a) => ({
      forwards: sum.forwards + a.forwards,
      backwards: sum.backwards + a.backwards,
      seconds: sum.seconds + a.seconds,
    }),
    { forwards: 0, backwards: 0, seconds: 0 },
  );
  const rows = [
    ['attack', ...numeric],
    row(`none (clean, ${integer(clean.n)})`, clean.accuracy, clean.n - clean.correct, undefined),
    ...result.attacks.map((a) =>
      row(
        `${printable(a.name, 60)}${a.error === undefined ? '' : ' (did not finish)'}`,
        a.robustAccuracy,
        a.broken,
        a,
      ),
    ),
    row(`worst case (${integer(robust.n)})`, result.robustAccuracy, robust.n - robust.correct, total).map(
      bold,
    ),
  ];
  const last = rows.length - 1;
  const taken = numeric.reduce((sum, _, i) => sum + widest(rows, i + 1) + 2, 0);
  return table(rows, {
    border: getBorderCharacters('norc'),
    drawVerticalLine: () => false,
    drawHorizontalLine: (line, size) => line === 0 || line === 1 || line === last || line === size,
    columnDefault: { alignment: 'right', paddingLeft: 1, paddingRight: 1 },
    columns: {
      0: {
        alignment: 'left',
        width: Math.max(12, Math.min(widest(rows, 0), width - taken - 2)),
        wrapWord: true,
      },
    },
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colours take no room
const visible = (text: string): number => text.replace(/\u001b\[\d+m/g, '').length;

const widest = (rows: string[][], column: number): number =>
  Math.max(...rows.map((cells) => visible(cells[column] ?? '')));

/** Breaks text at spaces into lines of at most `width` characters; a longer word stands alone. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
