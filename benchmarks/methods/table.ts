/** `bench methods` as text for a terminal. */
import { table } from 'table';
import { integer, percentNumber, secondsNumber } from '../../src/report/format.ts';
import { bestPublished, type Published, publishedSaving } from './published.ts';
import { epochsText, type MethodsRecord, type Row } from './record.ts';

export const HEADER = [
  'method',
  'natural',
  'FGSM',
  'PGD-100',
  'CW-20',
  '#BP',
  'backwards',
  'seconds',
  'as run',
  'saving',
  'by passes',
  'paper: natural',
  'robust',
  'saving',
  'row',
];

const orNothing = <T>(value: T | null | undefined, text: (value: T) => string): string =>
  value === null || value === undefined ? '' : text(value);

/** A saving in per cent; what costs more saves less than nothing. */
export const savingText = (saving: number): string => `${(100 * saving).toFixed(1).replace('-', '−')}\u00a0%`;

/** The figure that is nearest to PGD-100. */
export function publishedRobust({ robust }: Published): [attack: string, percent: number] | undefined {
  const found = Object.entries(robust ?? {});
  return (
    found.find(([attack]) => attack === 'PGD-100') ??
    found.find(([attack]) => attack === 'PGD') ??
    found.at(-1)
  );
}

/** A published row's four columns: natural, robust, saving, where it is from. */
export function publishedCells(of: Published | undefined): [string, string, string, string] {
  if (!of) return ['', '', '', ''];
  const robust = publishedRobust(of);
  return [
    orNothing(of.natural, (percent) => percent.toFixed(2)),
    orNothing(robust, ([attack, percent]) => `${percent.toFixed(2)} ${attack}`),
    orNothing(publishedSaving(of), savingText),
    `${of.row}, ${of.data}`,
  ];
}

/** A row's columns up to the paper's, as text; '' where there is nothing. */
export const rowCells = (row: Row): string[] => [
  orNothing(row.natural, percentNumber),
  orNothing(row.robust?.fgsm, percentNumber),
  orNothing(row.robust?.['pgd-100'], percentNumber),
  orNothing(row.robust?.['cw-20'], percentNumber),
  orNothing(row.backwardsPerBatch, (n) => n.toFixed(1)),
  orNothing(row.backwards, integer),
  orNothing(row.steadySeconds, secondsNumber),
  orNothing(row.seconds, secondsNumber),
  orNothing(row.saving, savingText),
  orNothing(row.predictedSaving, savingText),
];

export const rightOf = (record: MethodsRecord, row: Row): string[] =>
  publishedCells(bestPublished(row.method, record.attacks.epsilon));

/** What the columns are, in sentences. */
export function explanation({ training: t, attacks: a }: MethodsRecord): string[] {
  const { 'pgd-100': pgd, 'cw-20': cw } = a.parameters;
  return [
    `Trained on ${integer(t.images)} images of ${t.data.name} for ${epochsText(t.epochs)} by ${t.engine} on ${t.device} (${t.threads} threads); nothing else differs but what a method needs.`,
    `Per cent correct: all ${integer(a.data.n)} test images, then the first ${integer(a.attacked)} of them attacked on onnxruntime, L∞, ε = ${a.epsilon}: FGSM; PGD-100, ${pgd.steps} steps of ${pgd.stepSize} from ${pgd.restarts} random start; CW-20, the same on the margin, ${cw.steps} steps of ${cw.stepSize}. Each success was predicted again from the file, on a session of its own.`,
    '#BP: backward passes per mini-batch, counted; backwards: images passed back in all.',
    'Seconds: of training alone, an epoch being its median mini-batch times its mini-batches; as run: the plain sum.',
    'Saving: against RAT (pgd), of those seconds; by passes: what forward and backward passes over images, counted alike, would save.',
    'Paper: the nearest published row; its saving is of its own times, on its own hardware.',
  ];
}

/** Remarks on rows: how epochs and passes are to be read, what failed, what was not confirmed. */
export function remarks({ methods }: MethodsRecord): { method: string; text: string }[] {
  return methods.flatMap(({ method, why, note, state, failure, evaluation }) => {
    const rejected = Object.values(evaluation?.attacks ?? {}).reduce((sum, a) => sum + a.rejected, 0);
    const texts = [
      ...(state === 'failed' ? [`failed: ${failure}`] : []),
      ...(state === 'pending' ? ['not done yet'] : []),
      ...(note ? [note] : []),
      ...(why ? [`trains with other settings: ${why}`] : []),
      ...(rejected > 0 ? [`${rejected} adversarial examples were not confirmed and do not count`] : []),
    ];
    return texts.map((text) => ({ method, text }));
  });
}

export function methodsTable(record: MethodsRecord): string {
  const rows = record.rows.map((row) => [row.method, ...rowCells(row), ...rightOf(record, row)]);
  const text = table([HEADER, ...rows], {
    columns: HEADER.map((_, c) => ({ alignment: c === 0 || c === HEADER.length - 1 ? 'left' : 'right' })),
    drawHorizontalLine: (i, count) => i <= 1 || i === count,
  });
  const notes = remarks(record).map((r) => `${r.method}: ${r.text}`);
  return `${[text.trimEnd(), ...notes, '', ...explanation(record)].join('\n')}\n`.replaceAll('\u00a0', ' ');
}
