/** `bench curves` as text for a terminal: what each run came to. */
import { table } from 'table';
import { integer, numberText, percentNumber, secondsNumber } from '../../src/report/format.ts';
import { epochsText } from '../methods/record.ts';
import type { CurveRun, CurvesRecord } from './record.ts';

const orDash = (value: number | null | undefined, text: (value: number) => string): string =>
  value === null || value === undefined ? '–' : text(value);

const HEADER = ['run', 'epochs', 'PGD-20', 'loss', 'l_X per image', 'R', '#BP, last', 'backwards', 'seconds'];

function cells(run: CurveRun): string[] {
  const last = run.epochs.at(-1);
  const sum = (of: (e: CurveRun['epochs'][number]) => number) =>
    run.epochs.reduce((all, e) => all + of(e), 0);
  return [
    run.state === 'failed' ? `${run.label}: ${run.failure}` : run.label,
    String(run.epochs.length),
    orDash(last?.validationRobustAccuracy, percentNumber),
    orDash(last?.loss, numberText),
    orDash(last?.gradientL1PerImage, numberText),
    orDash(last?.residualAfter ?? last?.residual, numberText),
    orDash(last && last.backwardPasses / last.batches, (n) => n.toFixed(1)),
    integer(sum((e) => e.backwards)),
    secondsNumber(sum((e) => e.seconds)),
  ];
}

export function curvesTable({ runs, figures, training: t }: CurvesRecord): string {
  const text = table([HEADER, ...runs.map(cells)], {
    columns: HEADER.map((_, c) => ({ alignment: c === 0 ? 'left' : 'right' })),
    drawHorizontalLine: (i, count) => i <= 1 || i === count,
  });
  return [
    text.trimEnd(),
    `After the last epoch; PGD-20 on ${integer(t.validation)} images held out of training. Trained on ${integer(t.images)} images of ${t.data.name}, ${epochsText(t.epochs)} (FREE-m: m times as many).`,
    `Figures: ${figures.join(', ')}. touchstone claims --html FILE draws them from the record.`,
    '',
  ].join('\n');
}
