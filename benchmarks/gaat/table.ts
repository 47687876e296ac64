/** `bench gaat` as text for a terminal, and the cells that the page shows too. */
import { table } from 'table';
import { epsilonText, integer, numberText, percentNumber, secondsNumber } from '../../src/report/format.ts';
import { epochsText } from '../methods/record.ts';
import { savingText } from '../methods/table.ts';
import type { GaatRecord, Looked, Residuals, Row, Sight } from './record.ts';
import { YARDSTICK } from './runs.ts';

const orNothing = <T>(value: T | null | undefined, text: (value: T) => string): string =>
  value === null || value === undefined ? '' : text(value);

/** A share in per cent; small ones keep two digits, as 0.02 is not 0. */
export const shareText = (share: number): string =>
  share === 0
    ? '0'
    : share < 0.001
      ? numberText(Number((100 * share).toPrecision(2)))
      : (100 * share).toFixed(1);

export interface Cells {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How many of the first columns are text. */
  readonly text: number;
}

/** Cost and robustness of the runs that are compared. */
export function runCells({ rows, runs }: GaatRecord): Cells {
  const of = (row: Row) => runs.find((r) => r.name === row.name)!;
  return {
    header: [
      ...[
        'run',
        'what it does',
        '#BP',
        'natural',
        'FGSM',
        'PGD-100',
        'CW-20',
        'ms',
        'saving',
        'half of the rounds',
      ],
      ...['by passes', 'seconds', 'saving as run', 'flipped'],
    ],
    text: 2,
    rows: rows.map((row) => [
      of(row).label,
      of(row).failure ?? of(row).about,
      orNothing(row.backwardsPerBatch, (n) => n.toFixed(1)),
      orNothing(row.natural, percentNumber),
      orNothing(row.robust?.fgsm, percentNumber),
      orNothing(row.robust?.['pgd-100'], percentNumber),
      orNothing(row.robust?.['cw-20'], percentNumber),
      orNothing(row.batchMilliseconds, (ms) => ms.toFixed(1)),
      ...against(row),
      orNothing(row.flipRate, shareText),
    ]),
  };
}

/** Savings; of the yardstick there is none. */
function against({ name, saving, predictedSaving, steadySeconds, savingAsRun }: Row): string[] {
  const of = <T>(value: T | null) => (name === YARDSTICK ? null : value);
  return [
    orNothing(of(saving), ({ median }) => savingText(median)),
    orNothing(of(saving), ({ low, high }) => `${savingText(low)} – ${savingText(high)}`),
    orNothing(of(predictedSaving), savingText),
    orNothing(steadySeconds, secondsNumber),
    orNothing(of(savingAsRun), savingText),
  ];
}

const whichOf = ({ subject, epoch }: Looked): string =>
  epoch === null ? subject : `${subject}, epoch ${epoch}`;
const each = (looked: readonly Looked[]): (readonly [Looked, Sight])[] =>
  looked.flatMap((one) => one.at.map((at) => [one, at] as const));

/** Which steps H changes. */
export const flipCells = ({ looked }: GaatRecord): Cells => ({
  header: [
    ...['network', 'ε', '‖J‖₁', '|J·δ⁰|', 'eq. (8) turns', 'it could turn', 'exact H turns', 'in part'],
    ...['J is wrong', 'J + Hδ is wrong'],
  ],
  text: 1,
  rows: each(looked).map(([one, s]) => [
    whichOf(one),
    epsilonText(s.epsilon),
    numberText(s.gradientL1),
    numberText(s.along),
    ...[s.flipped, s.couldFlip, s.exactTurned, s.mixed, s.firstWrong, s.exactWrong].map(shareText),
  ]),
});

/** How far the approximation is off: where GAAT's steps end, and where PGD's do. */
export function residualCells({ looked }: GaatRecord): Cells {
  const cells = (r: Residuals) => [r.rise, r.gaussNewton, r.none, r.exact].map(numberText);
  const heads = (of: string) => ['rise', 'R', 'without H', 'exact H'].map((name) => `${of}: ${name}`);
  return {
    header: ['network', 'ε', ...heads('GAAT'), ...heads('PGD')],
    text: 1,
    rows: each(looked).map(([one, s]) => [
      whichOf(one),
      epsilonText(s.epsilon),
      ...cells(s.gaat),
      ...cells(s.pgd),
    ]),
  };
}

/** The saving that is claimed, by the paper's own rows; that of passes; and what was measured here. */
export function savingCells({ claims, rows, training }: GaatRecord): Cells {
  const here = rows.find((r) => r.name === 'gaat');
  const measured = orNothing(here?.saving, ({ median }) => savingText(median));
  return {
    header: ['network', 'data', 'T', 'claimed', 'by passes', 'measured'],
    text: 2,
    rows: [
      ...claims.map((c) => [
        c.model,
        c.data,
        String(c.steps),
        savingText(c.claimed),
        savingText(c.byPasses),
        '',
      ]),
      [
        ...['mnist-cnn, here', training.data.name, '10', ''],
        ...[orNothing(here?.predictedSaving, savingText), measured],
      ],
    ],
  };
}

/** What the columns are, in sentences. */
export function explanation({ training: t, epsilon, reach, attacked, lens }: GaatRecord): string[] {
  return [
    `Trained on ${integer(t.images)} images of ${t.data.name} for ${epochsText(t.epochs)} by ${t.engine} on ${t.device} (${t.threads} threads); L∞, ε = ${epsilonText(epsilon)}, T·α = ${reach} ε in every run; one seed (${t.seed}).`,
    `Per cent correct: all test images, then the first ${integer(attacked)} of them attacked; each success was predicted again from the file.`,
    'ms: of a mini-batch, its update included, the median of rounds in which each run takes one in turn. Saving: against RAT, of the same round: the median, and between which values half of the rounds lie. Seconds: of the run, an epoch being its median mini-batch times its mini-batches; runs follow one another, so that another load on the machine is in their ratio.',
    'Flipped: samples with J·δ⁰ < −1 in training, per cent. #BP: backward passes per mini-batch, as the engine counted them.',
    `Looked at: ${integer(lens.images)} training images (fewer of coloured ones), δ⁰ uniform in the ball. Eq. (8) turns: samples with J·δ⁰ < −1; it could turn: samples in whose ball some δ has J·δ < −1; exact H turns: pixels on which sign(J + Hδ⁰) is not sign J; in part: samples of which it turns some pixels and not others. Wrong: pixels on which the sign is not that of ∇ℓ(x + δ⁰). All in per cent.`,
    `R is eq. (4), the mean of |ℓ(x + δ) − its approximation|, at the end of ${lens.steps} steps of ε/${1 / lens.stepSize}; rise is ℓ(x + δ) − ℓ(x).`,
  ];
}

/** What the algebra says of pairs of runs, and what came of it. */
export function twinLines({ twins, runs }: GaatRecord): string[] {
  const label = (name: string) => runs.find((r) => r.name === name)?.label ?? name;
  return twins
    .filter(({ largest }) => largest !== null)
    .map(({ pair: [a, b], largest }) =>
      largest === 0
        ? `${label(a)} and ${label(b)} ended with the same weights, bit for bit: they are one method.`
        : `${label(a)} and ${label(b)} ended with weights that differ by ${numberText(largest!)} at most.`,
    );
}

function text({ header, rows, text: texts }: Cells): string {
  return table([[...header], ...rows.map((row) => [...row])], {
    columns: header.map((_, c) => ({ alignment: c < texts ? 'left' : 'right' })),
    drawHorizontalLine: (i, count) => i <= 1 || i === count,
  }).trimEnd();
}

export function gaatTables(record: GaatRecord): string {
  const parts = [
    ...['Cost and robustness', text(runCells(record)), ...twinLines(record)],
    ...['', 'Savings against RAT', text(savingCells(record))],
    ...['', 'What H changes', text(flipCells(record))],
    ...['', 'How far the approximation is off', text(residualCells(record))],
    ...['', ...explanation(record)],
  ];
  return `${parts.join('\n')}\n`.replaceAll('\u00a0', ' ');
}
