/** `bench cost` as text for a terminal. */
import { table } from 'table';
import { secondsNumber } from '../../src/report/format.ts';
import { ms } from '../phases/table.ts';
import { type Cost, type CostRecord, TOLERANCE } from './record.ts';

const HEADER = [
  ...['method', 'counts', 'ms per mini-batch', 'projected s', 'run s', 'error', 'within'],
  ...['steady s', 'error'],
];

const errorText = (error: number): string => `${error < 0 ? '−' : '+'}${Math.abs(100 * error).toFixed(1)} %`;

/** Whether a projection held: within the tolerance of the run, as it took. */
export const holds = ({ errorAsRun }: Pick<Cost, 'errorAsRun'>): boolean => Math.abs(errorAsRun) <= TOLERANCE;

const cells = (c: Cost, batch: number): string[] => [
  c.method,
  c.counts,
  ms((1000 * c.projectedSeconds * batch) / (c.epochs * c.images)),
  secondsNumber(c.projectedSeconds),
  secondsNumber(c.timedSeconds),
  errorText(c.errorAsRun),
  holds(c) ? 'yes' : 'no',
  secondsNumber(c.steadySeconds),
  errorText(c.error),
];

export function costTable(record: CostRecord): string {
  const { methods, batch, data, engine, device, threads, failures, state } = record;
  const rows = methods.map((cost) => cells(cost, batch));
  const text = table([HEADER, ...rows], {
    columns: HEADER.map((_, c) => ({ alignment: c < 2 ? 'left' : 'right' })),
    drawHorizontalLine: (i, count) => i <= 1 || i === count,
  });
  const within = methods.filter(holds).length;
  return `${[
    text.trimEnd(),
    ...failures.map((f) => `failed: ${f.method}: ${f.why}`),
    ...(state === 'whole' ? [] : ['Interrupted: the methods that were done by then.']),
    `${within} of ${methods.length} projections are within ${100 * TOLERANCE} % of the run.`,
    `${data.name}, mini-batches of ${batch}, ${engine} on ${device}, ${threads} threads.`,
    'Projected: Σ phase × count, phases by their medians, timed while the run was held, again and again. Counts are the',
    'paper’s listing’s; where the data decide, the run’s own. Run: all its mini-batches, as they took. Steady: each epoch as its',
    'median mini-batch times its mini-batches; where that is much less, something else held the run up now and then.',
  ].join('\n')}\n`;
}
