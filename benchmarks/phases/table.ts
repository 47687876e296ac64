/** `bench phases` as text for a terminal. */
import { table } from 'table';
import { integer } from '../../src/report/format.ts';
import { savingText } from '../methods/table.ts';
import { workName } from './cost-model.ts';
import type { PhasesRecord, Projection, Row } from './record.ts';
import { COLUMNS, type Line, table3 } from './table3.ts';

export const ms = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
const orDash = <T>(value: T | null, text: (value: T) => string): string =>
  value === null ? '–' : text(value);

export const TABLE3_HEADER = ['model', 'by', 'batch', ...COLUMNS.map((c) => c.lines), 'GAAT ÷ RAT'];
export const table3Cells = ({ model, by, batch, cells, ratio }: Line): string[] => [
  ...[model, by, String(batch)],
  ...cells.map((cell) => orDash(cell, by === 'paper' ? String : ms)), // the paper's as it prints them
  orDash(ratio, (r) => r.toFixed(2)),
];

export const PHASES_HEADER = [
  ...['model, batch', 'phase', 'what', 'engine', 'p50 ms', 'mean', 'sd', 'n', '÷ forward', '#fwd', '#bwd'],
  'taken by',
];
export const phaseCells = (r: Row): string[] => [
  `${r.model}, ${r.batch}`,
  workName(r),
  r.about,
  r.device === 'cuda' ? `${r.engine} (cuda)` : r.engine,
  ...[ms(r.p50), ms(r.mean), ms(r.sd), String(r.n)],
  orDash(r.overForward, (ratio) => ratio.toFixed(2)),
  ...[String(r.forward), String(r.backward), r.methods.join(', ')],
];

export const PROJECTIONS_HEADER = [
  ...[
    'model, batch',
    'engine',
    'method',
    'ms per mini-batch',
    'epochs',
    'projected minutes',
    'projected saving',
  ],
];
export const projectionCells = (p: Projection): string[] => [
  `${p.model}, ${p.batch}`,
  p.device === 'cuda' ? `${p.engine} (cuda)` : p.engine,
  p.method,
  ms(p.batchMilliseconds),
  String(p.epochs),
  integer(p.minutes),
  orDash(p.saving, savingText),
];

/** What the tables are, in sentences. */
export function explanation({ steps, threads }: Pick<PhasesRecord, 'steps' | 'threads'>): string[] {
  return [
    `Milliseconds of one mini-batch on ${threads} threads, T = ${steps}; batch: its images. Each phase is the function that trains, found by its @phase tag.`,
    'p50: median of n runs in rounds, in each of which every phase has its turn; ÷ forward: median ÷ that of the network’s forward pass on the same engine; #fwd, #bwd: passes that the engine counted in one run.',
    'Table 3 has medians; the paper’s figures are of its own hardware, with 128 images. Of its GAAT half the text at hand has no figures.',
    'Projected: no such run was made. Σ phase × count of a mini-batch × the mini-batches of all epochs, of the size that was timed; without validation. DAT is natural for the first half.',
  ];
}

const drawn = (header: readonly string[], rows: readonly string[][], left: readonly number[]): string =>
  table([[...header], ...rows], {
    columns: header.map((_, c) => ({ alignment: left.includes(c) ? 'left' : 'right' })),
    drawHorizontalLine: (i, count) => i <= 1 || i === count || rows[i - 1]?.[0] !== rows[i - 2]?.[0],
  }).trimEnd();

/** All tables, and what they are. */
export function phasesTable(record: PhasesRecord): string {
  const lines = table3(record);
  const part = (title: string, text: string, count: number) => (count > 0 ? [title, text, ''] : []);
  return `${[
    ...part('GAAT, table 3', drawn(TABLE3_HEADER, lines.map(table3Cells), [0, 1]), lines.length),
    ...part(
      'Phases',
      drawn(PHASES_HEADER, record.rows.map(phaseCells), [0, 1, 2, 3, 11]),
      record.rows.length,
    ),
    ...part(
      'Projected runs',
      drawn(PROJECTIONS_HEADER, record.projections.map(projectionCells), [0, 1, 2]),
      record.projections.length,
    ),
    ...(record.state === 'whole' ? [] : ['This record is not whole: the benchmark was interrupted.']),
    ...record.leftOut.map(({ engine, why }) => `${engine} is left out: ${why}`),
    ...record.failures.map((f) => `failed: ${f.model}, ${f.engine}${f.work ? `, ${f.work}` : ''}: ${f.why}`),
    ...explanation(record),
  ].join('\n')}\n`.replaceAll('\u00a0', ' ');
}
