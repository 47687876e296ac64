/** The papers' figures, drawn of runs here; where there is none, the command that makes them. */
import * as Plot from '@observablehq/plot';
import { legend, plotSvg, type Series, seriesMarks } from '../../../src/report/figures/plot.ts';
import { integer } from '../../../src/report/format.ts';
import { html, type Markup } from '../../../src/report/markup.ts';
import {
  commandOf,
  FIGURE_NAMES,
  type Figure,
  type FigureName,
  figures,
  type Panel,
} from '../../curves/figures/index.ts';
import { AXES, seriesOf } from '../../curves/series.ts';
import { epochsText } from '../../methods/record.ts';
import type { Curves } from '../found.ts';
import type { ClaimsReport } from '../report.ts';

const xs = (series: readonly Series[]): number[] => series.flatMap(({ points }) => points.map((p) => p.x));
const largestY = (series: readonly Series[]): number =>
  Math.max(...series.flatMap(({ points }) => points.map((p) => p.y)));

/** Shares are drawn in per cent from 0 to 100; what else there is from 0. */
const yScale = (panel: Panel, series: readonly Series[]): Plot.ScaleOptions => {
  const share = { percent: true, domain: [0, 100], ticks: 5, grid: true };
  if (panel.kind === 'sweep') return { label: 'correct, %', ...share };
  if (panel.kind === 'ends')
    return { ...share, label: 'error under PGD-20, %', domain: [0, 110 * largestY(series)] };
  if (panel.column === 'robust') return { label: AXES.robust, ...share };
  return { label: AXES[panel.column], domain: [0, 1.05 * largestY(series) || 1], ticks: 5, grid: true };
};

function xScale(panel: Panel, series: readonly Series[]): Plot.ScaleOptions {
  const all = [...new Set(xs(series))].sort((a, b) => a - b);
  const [first, last] = [all[0]!, all.at(-1)!];
  if (panel.kind === 'ends')
    return { label: 'backward passes of mini-batches', domain: [0, 1.05 * last], ticks: 5 };
  if (panel.kind === 'sweep')
    return panel.over === 'epsilon'
      ? { label: 'ε', domain: [0, last], ticks: 5 }
      : { label: 'steps of PGD', type: 'log', domain: [first, last], ticks: all, tickFormat: 'd' };
  const domain = first === last ? [first - 1, last + 1] : [first, last];
  return { label: 'epoch', domain, ticks: all.length <= 10 ? all : 5, tickFormat: 'd' };
}

function drawn(panel: Panel, series: readonly Series[], id: string): Markup {
  // A single line has no legend.
  const only = series.length === 1 && panel.runs.length > 1 ? `: ${series[0]!.name}` : '';
  const svg = plotSvg(panel.title, {
    x: xScale(panel, series),
    y: yScale(panel, series),
    marks: [Plot.ruleY([0], { stroke: 'var(--rule)' }), ...seriesMarks(series)],
  });
  return html`<figure id="${id}">${svg}${legend(series)}<figcaption>${panel.title}${only}.</figcaption></figure>`;
}

/** The record with the longest training of those that have all runs of a figure, else of those that have some. */
export function bestOf(figure: Figure, curves: readonly Curves[]): Curves | undefined {
  const names = figure.runs.map(({ name }) => name);
  const rank = ({ record: { runs, training } }: Curves): number[] => {
    const there = runs.filter((r) => names.includes(r.name) && r.state === 'done').length;
    return [there, training.epochs, training.images];
  };
  const compare = (a: Curves, b: Curves): number => {
    const [ra, rb] = [rank(a), rank(b)];
    const at = ra.findIndex((v, i) => v !== rb[i]);
    return at < 0 ? 0 : rb[at]! - ra[at]!;
  };
  const [best] = [...curves].sort(compare);
  return best && rank(best)[0]! > 0 ? best : undefined;
}

const command = (name: FigureName): Markup => html`<code class="command">${commandOf(name)}</code>`;

function panelsOf(name: FigureName, { record, origin }: Curves): Markup {
  const { panels, runs }: Figure = figures[name];
  const svgs = panels.flatMap((panel, i) => {
    const series = seriesOf(record.runs, panel);
    return series.length === 0 ? [] : [drawn(panel, series, `figure-${name}-${i + 1}`)];
  });
  const missing = runs.filter(
    (r) => !record.runs.some((done) => done.name === r.name && done.state === 'done'),
  );
  const { training: t } = record;
  return html`<div class="pair">${svgs}</div>
<p class="note">${t.data.name}, ${integer(t.images)} images, ${epochsText(t.epochs)}, one seed; ${origin.machine}; ${origin.record}.${
    missing.length > 0 && html` Not there: ${missing.map((r) => r.label).join(', ')}.`
  }</p>
${missing.length > 0 && command(name)}`;
}

function figureOf(name: FigureName, curves: readonly Curves[]): Markup {
  const figure: Figure = figures[name];
  const best = bestOf(figure, curves);
  const content = best
    ? panelsOf(name, best)
    : html`<p>No record of its runs yet. This makes one:</p>${command(name)}`;
  return html`<h3 id="${name}">${figure.paper}, ${figure.figure}</h3>
<p><em>In the paper:</em> ${figure.shows} <em>Here:</em> ${figure.here}</p>
${content}`;
}

export const figuresSection = ({ curves }: ClaimsReport): Markup =>
  html`<section aria-labelledby="figures"><h2 id="figures">Figure by figure</h2>
<p>The papers’ figures have no numbers to compare with; these are the same curves, of runs here.</p>
${FIGURE_NAMES.map((name) => figureOf(name, curves))}</section>`;
