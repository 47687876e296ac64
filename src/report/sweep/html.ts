/** The page of a sweep: curves, the grid, and whether its numbers behave. */
import * as Plot from '@observablehq/plot';
import { legend, plotSvg, type Series, seriesMarks } from '../figures/plot.ts';
import { epsilonText, fileName, integer, normText, percentNumber, secondsNumber } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { renderPage } from '../page.ts';
import { checkItem, order } from '../sections/checks.ts';
import {
  environmentFacts,
  modelFacts,
  provenance,
  rawSection,
  requestFacts,
} from '../sections/provenance.ts';
import type { SweepResult, SweepResultCell } from './schema.ts';
import { columnsOf, radiiOf, sweepSentence } from './settings.ts';

/** Renders a sweep as one self-contained HTML file; all its text is escaped. */
export function renderSweep(sweep: SweepResult): string {
  const name = fileName(sweep.model.path);
  const day = sweep.createdAt.slice(0, 10);
  return renderPage({
    title: `${name}: robustness over radii on ${sweep.data.name}`,
    kicker: 'Robustness sweep',
    heading: name,
    subject: html`${sweep.data.name}, ${sweep.data.split}, ${integer(sweep.n)} images; ${sweep.attack}, ${normText(sweep.norm)}; <span class="whole">${day}</span>`,
    sections: [
      leadSection(sweep),
      curvesSection(sweep),
      gridSection(sweep),
      findingsSection(sweep),
      costSection(sweep),
      originSection(sweep),
      rawSection(sweep, 'sweep.json'),
    ],
  });
}

const leadSection = (sweep: SweepResult): Markup =>
  html`<section id="headline" aria-label="Result"><p class="lead">${sweepSentence(sweep)}</p></section>`;

/** A sweep up to ε = 1 would press the interesting part against the left edge. */
function radiusScale(radii: readonly number[], norm: SweepResult['norm']): Plot.ScaleOptions {
  const largest = radii.at(-1) || 1;
  const stretched = largest > 4 * (radii[Math.floor(radii.length / 2)] ?? largest);
  return {
    label: `ε, ${normText(norm)} radius${stretched ? ' (square-root scale)' : ''}`,
    domain: [0, largest],
    ticks: 5,
    ...(stretched ? { type: 'sqrt' as const } : {}),
  };
}

const ACCURACY: Plot.ScaleOptions = {
  label: 'correct, %',
  percent: true,
  domain: [0, 100],
  ticks: 5,
  grid: true,
};

function figure(id: string, title: string, x: Plot.ScaleOptions, series: Series[], caption: string): Markup {
  const svg = plotSvg(title, {
    x,
    y: ACCURACY,
    marks: [Plot.ruleY([0], { stroke: 'var(--rule)' }), ...seriesMarks(series)],
  });
  return html`<figure id="figure-${id}">${svg}${legend(series)}<figcaption>${caption}</figcaption></figure>`;
}

function curvesSection(sweep: SweepResult): Markup {
  const columns = columnsOf(sweep);
  const radii = radiiOf(sweep);
  const byRadius = columns.map(({ label, cells }) => ({
    name: label,
    points: cells.map((c) => ({ x: c.epsilon, y: c.robustAccuracy })),
  }));
  const curve = figure(
    'radii',
    'Accuracy against ε',
    radiusScale(radii, sweep.norm),
    byRadius,
    'Accuracy as the radius grows. What a smaller radius breaks counts as broken at a larger one.',
  );
  return html`<section aria-labelledby="curves"><h2 id="curves">Accuracy against ε and steps</h2>
<div class="pair">${curve}${stepsFigure(sweep)}</div></section>`;
}

/** Accuracy against steps, a curve per radius; null where the steps are the same in all columns. */
function stepsFigure(sweep: SweepResult): Markup | null {
  const columns = columnsOf(sweep);
  const steps = [...new Set(columns.map((c) => c.steps))].sort((a, b) => a - b);
  if (steps.length < 2) return null;
  const manners = [...new Set(columns.map((c) => c.manner))];
  const series = manners.flatMap((manner) =>
    radiiOf(sweep)
      .filter((epsilon) => epsilon > 0)
      .map((epsilon) => ({
        name: `ε ${epsilonText(epsilon)}${manner && ` ${manner}`}`,
        points: columns
          .filter((c) => c.manner === manner)
          .map((c) => ({ x: c.steps, y: c.cells.find((cell) => cell.epsilon === epsilon)!.robustAccuracy })),
      })),
  );
  const domain = [steps[0]!, steps.at(-1)!];
  const x = {
    label: 'steps (logarithmic scale)',
    type: 'log' as const,
    domain,
    ticks: apart(steps),
    tickFormat: 'd',
  };
  return figure('steps', 'Accuracy against steps', x, series, 'Accuracy as the attack goes on for longer.');
}

/** Of rising steps those whose labels do not touch on a logarithmic axis. */
function apart(steps: readonly number[]): number[] {
  const kept: number[] = [];
  for (const s of steps) if (s >= 2.5 * (kept.at(-1) ?? 0)) kept.push(s);
  return kept;
}

/** Rows of radii, columns of settings. */
function grid(sweep: SweepResult, caption: string, of: (cell: SweepResultCell) => number): Markup {
  const columns = columnsOf(sweep);
  const cell = (c: SweepResultCell): Markup =>
    html`<td class="shade" style="--share:${(100 * of(c)).toFixed(1)}%">${percentNumber(of(c))}</td>`;
  return html`<p class="note">${caption}</p>
<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="numbers grid">
<thead><tr><th scope="col">ε</th>${columns.map(({ label }) => html`<th scope="col" class="name">${label}</th>`)}</tr></thead>
<tbody>${radiiOf(sweep).map(
    (
      epsilon,
      row,
    ) => html`<tr><th scope="row">${epsilonText(epsilon)}</th>${columns.map((c) => cell(c.cells[row]!))}</tr>
`,
  )}</tbody></table></div>`;
}

function gridSection(sweep: SweepResult): Markup {
  const { sampled } = sweep;
  return html`<section aria-labelledby="grid"><h2 id="grid">The grid</h2>
${grid(sweep, `Correct, % of ${integer(sweep.n)} images`, (c) => c.robustAccuracy)}
${sampled > 0 && html`<br>${grid(sweep, `Attacked anew in every cell: standing, % of ${integer(sampled)} images that are correct without an attack`, (c) => c.freshStanding / sampled)}`}</section>`;
}

function findingsSection({ findings, sampled }: SweepResult): Markup {
  const sorted = [...findings].sort((a, b) => order[a.verdict] - order[b.verdict]);
  return html`<section aria-labelledby="findings"><h2 id="findings">Do the numbers behave?</h2>
<p>In the first grid accuracy cannot rise with ε: what breaks an image at one radius breaks it at every larger one, and
is carried over. Whether the attack itself would find more at a larger radius, and with more steps, is told by ${integer(sampled)}
images that every cell attacks anew.</p>
${
  sorted.length === 0
    ? html`<p class="trust warn">The grid is too small to tell.</p>`
    : html`<ul class="checks">${sorted.map((finding) => checkItem(finding, undefined))}</ul>`
}</section>`;
}

function costSection(sweep: SweepResult): Markup {
  const rows = columnsOf(sweep).flatMap(({ label, cells }) => cells.map((c) => ({ label, c })));
  return html`<section aria-labelledby="cost"><h2 id="cost">What it took</h2><details><summary>Cell by cell</summary>
<table class="numbers"><caption>Images carried over from other cells are not attacked. Forwards and backwards count images.</caption>
<thead><tr><th scope="col" class="text">setting</th><th scope="col">ε</th><th scope="col">attacked</th><th scope="col" class="extra">carried</th><th scope="col" class="extra">forwards</th><th scope="col" class="extra">backwards</th><th scope="col">seconds</th></tr></thead>
<tbody>${rows.map(
    ({
      label,
      c,
    }) => html`<tr><th scope="row" class="text">${label}</th><td>${epsilonText(c.epsilon)}</td><td>${integer(c.attacked)}</td><td class="extra">${integer(c.carried)}</td><td class="extra">${integer(c.forwards)}</td><td class="extra">${integer(c.backwards)}</td><td>${secondsNumber(c.seconds)}</td></tr>
`,
  )}</tbody></table></details></section>`;
}

function originSection(sweep: SweepResult): Markup {
  const radii = radiiOf(sweep).map(epsilonText).join(', ');
  return provenance([
    ['Model', modelFacts(sweep.model)],
    [
      'Data and request',
      requestFacts({ ...sweep, attacked: sweep.n, threat: `${normText(sweep.norm)}, ε = ${radii}` }),
    ],
    ['Environment', environmentFacts(sweep)],
  ]);
}
