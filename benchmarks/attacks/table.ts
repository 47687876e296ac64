/** `bench attacks` in the terminal; its cells are the page's, too. */
import { table } from 'table';
import { integer, percentNumber } from '../../src/report/format.ts';
import { RULE } from '../ratio.ts';
import { BOUTS, type Bout, type BoutName, TITLES } from './bouts.ts';
import type { AttacksRecord, MeasuredRow, Point, Row } from './record.ts';

export const HEADER = [
  'attack',
  'tool',
  'robust %',
  'seconds',
  'quartiles',
  'n',
  'forwards',
  'backwards',
  '÷ ours',
  '95 %',
  'faster',
] as const;

export const CURVE_HEADER = [
  'attack',
  'tool',
  'steps',
  'robust %',
  'forwards',
  'backwards',
  'seconds',
] as const;

const seconds = (s: number): string => s.toFixed(s < 1 ? 3 : s < 10 ? 2 : 1);
const times = (ratio: number): string => ratio.toFixed(2);

/** Who is faster; of our own row and of those that nothing can be said of, nothing and a dash. */
function fasterText({ tool, overOurs, faster }: MeasuredRow): string {
  if (tool === 'touchstone' || !overOurs) return '';
  return faster ? TITLES[faster] : '–';
}

function overOursText({ tool, overOurs }: MeasuredRow): [string, string] {
  if (tool === 'touchstone' || !overOurs) return ['', ''];
  return [times(overOurs.median), overOurs.interval?.map(times).join(' – ') ?? ''];
}

/** A row's cells, as wide as the header. */
export function rowCells(row: Row): string[] {
  const { attack, tool } = row;
  if (row.state !== 'measured') return [attack, TITLES[tool], row.state, ...Array<string>(8).fill('')];
  return [
    attack,
    TITLES[tool],
    percentNumber(row.robustAccuracy),
    seconds(row.seconds),
    row.quartiles.map(seconds).join(' – '),
    String(row.n),
    integer(row.forwards),
    integer(row.backwards),
    ...overOursText(row),
    fasterText(row),
  ];
}

export const curveCells = ({ attack, tool, steps, robustAccuracy, ...cost }: Point): string[] => [
  ...[attack, TITLES[tool], String(steps), percentNumber(robustAccuracy)],
  ...[integer(cost.forwards), integer(cost.backwards), seconds(cost.seconds)],
];

/** Who is not in the rows and why, each reason once; what failed; which images were outside the ball. */
export function remarks({ rows, failures }: Pick<AttacksRecord, 'rows' | 'failures'>): string[] {
  const absent = rows.flatMap((r) => (r.state === 'absent' ? [`${TITLES[r.tool]} absent: ${r.why}`] : []));
  const failed = failures.map(({ what, why }) => `failed: ${what}: ${why}`);
  const keepsWithin = (attack: BoutName) => !(BOUTS[attack] as Bout).unbounded;
  const outside = rows.flatMap((r) =>
    r.state === 'measured' && r.outside > 0 && keepsWithin(r.attack)
      ? [`${TITLES[r.tool]}, ${r.attack}: ${r.outside} images lie further away than ε, and count as standing`]
      : [],
  );
  return [...new Set(absent), ...failed, ...outside];
}

/** What the figures are of, in sentences. */
export function explanation({ data, epsilon, batch, threads, rows }: AttacksRecord): string[] {
  const attacked = [...new Set(rows.map((r) => r.attack))].map((name) => `${name}: ${BOUTS[name].about}`);
  return [
    `The ${data.attacked} of the first ${data.n} images of ${data.name} that the model classifies correctly are attacked, ${batch} at a time, on ${threads} ${threads === 1 ? 'thread' : 'threads'}; ` +
      `ε ${numeric(epsilon.linf)} (L∞), ${numeric(epsilon.l2)} (L2). Robust accuracy is of all ${data.n}: what a tool finds counts if onnxruntime, on the file, misclassifies it within ε.`,
    'Tools take turns in each of n rounds, every round with another seed; the first run of each is not timed. Seconds: median and quartiles. Forwards and backwards: images passed. ' +
      'Ours leaves an image alone once it is misclassified; the seconds say what that is worth, the passes how much of it is that.',
    RULE,
    ...(attacked.length > 0 ? [`${attacked.join('. ')}.`] : []),
  ];
}

const numeric = (value: number): string => String(Number(value.toPrecision(4)));

export function attacksTable(record: AttacksRecord): string {
  const { rows, curve } = record;
  const notWhole = record.state === 'whole' ? '' : 'This record is not whole: it was interrupted.\n';
  const parts = [
    drawn(HEADER, rows.map(rowCells)),
    curve.length > 0 ? `Robust accuracy against passes\n${drawn(CURVE_HEADER, curve.map(curveCells))}` : '',
  ];
  const notes = [...remarks(record), ...explanation(record)];
  return `${parts.join('')}${notWhole}${notes.join('\n')}\n`;
}

/** A rule where the attack changes. */
function drawn(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return table([[...header], ...rows.map((r) => [...r])], {
    columns: header.map((_, c) => ({ alignment: c < 2 ? 'left' : 'right' })),
    drawHorizontalLine: (i, count) => i <= 1 || i === count || rows[i - 1]?.[0] !== rows[i - 2]?.[0],
  });
}
