/** Training curves: loss and accuracy, over epochs and over what they cost in backward passes. */
import * as Plot from '@observablehq/plot';
import { html, type Markup } from '../markup.ts';
import type { EpochRecord, TrainingRecord } from '../schema.ts';
import { legend, plotSvg, type Series, seriesMarks } from './plot.ts';

interface Axis {
  readonly id: string;
  readonly label: string;
  readonly caption: string;
  readonly at: readonly number[];
  readonly ticks?: number[];
}

/** Backward passes spent by the end of each epoch. */
export function cumulativeBackwards(epochs: readonly EpochRecord[]): number[] {
  let sum = 0;
  return epochs.map((epoch) => {
    sum += epoch.backwards;
    return sum;
  });
}

function series(
  name: string,
  epochs: readonly EpochRecord[],
  axis: Axis,
  of: (epoch: EpochRecord) => number | null,
): Series {
  return {
    name,
    points: epochs.flatMap((epoch, i) => {
      const y = of(epoch);
      return y === null ? [] : [{ x: axis.at[i] ?? 0, y }];
    }),
  };
}

function axes(epochs: readonly EpochRecord[]): Axis[] {
  const cumulative = cumulativeBackwards(epochs);
  const [unit, factor] = unitOf(cumulative.at(-1) ?? 0);
  const numbers = epochs.map((epoch) => epoch.epoch);
  return [
    {
      id: 'epochs',
      label: 'epoch',
      caption: 'over epochs',
      at: numbers,
      ...(numbers.length <= 10 ? { ticks: numbers } : {}), // no half epochs on the axis
    },
    {
      id: 'backwards',
      label: `backward passes so far${unit}`,
      caption: 'over the backward passes spent, counted in images',
      at: cumulative.map((n) => n / factor),
    },
  ];
}

const unitOf = (most: number): [string, number] =>
  most >= 2e9
    ? [', billions', 1e9]
    : most >= 2e6
      ? [', millions', 1e6]
      : most >= 2e3
        ? [', thousands', 1e3]
        : ['', 1];

function xScale(axis: Axis): Plot.ScaleOptions {
  const [first = 0, last = 1] = [axis.at[0], axis.at.at(-1)];
  const domain =
    axis.id === 'epochs' ? (first === last ? [first - 1, last + 1] : [first, last]) : [0, last || 1];
  // tickFormat: Plot would write an epoch as 1.0 between others
  return { label: axis.label, domain, ticks: axis.ticks ?? 5, ...(axis.ticks ? { tickFormat: 'd' } : {}) };
}

function lossFigure(epochs: readonly EpochRecord[], axis: Axis): Markup {
  const loss = series('training loss', epochs, axis, (epoch) => epoch.loss);
  const largest = Math.max(0, ...loss.points.map((point) => point.y));
  const svg = plotSvg(`Training loss ${axis.caption}`, {
    x: xScale(axis),
    y: { label: 'training loss', domain: [0, largest > 0 ? largest * 1.05 : 1], ticks: 5, grid: true },
    marks: [Plot.ruleY([0], { stroke: 'var(--rule)' }), ...seriesMarks([loss])],
  });
  return html`<figure id="figure-loss-${axis.id}">${svg}<figcaption>Training loss ${axis.caption}.</figcaption></figure>`;
}

function accuracyFigure(epochs: readonly EpochRecord[], axis: Axis): Markup {
  const curves = accuracySeries(epochs, axis);
  const svg = plotSvg(`Accuracy ${axis.caption}`, {
    x: xScale(axis),
    y: { label: 'correct, %', percent: true, domain: [0, 100], ticks: 5, grid: true },
    marks: [Plot.ruleY([0], { stroke: 'var(--rule)' }), ...seriesMarks(curves)],
  });
  return html`<figure id="figure-accuracy-${axis.id}">${svg}${legend(curves)}<figcaption>Accuracy ${axis.caption}.</figcaption></figure>`;
}

function accuracySeries(epochs: readonly EpochRecord[], axis: Axis): Series[] {
  return [
    series('training batches', epochs, axis, (epoch) => epoch.trainAccuracy),
    series('validation, clean', epochs, axis, (epoch) => epoch.validationAccuracy),
    series('validation, PGD', epochs, axis, (epoch) => epoch.validationRobustAccuracy),
  ].filter(({ points }) => points.length > 0);
}

/** Four figures: loss and accuracy over epochs, then over backward passes. Empty without epochs. */
export function trainingFigures({ epochs }: TrainingRecord): Markup | null {
  const both = axes(epochs);
  if (epochs.length === 0) return null;
  return html`<div class="pair">${both.map(
    (axis) => html`${lossFigure(epochs, axis)}${accuracyFigure(epochs, axis)}`,
  )}</div>`;
}
