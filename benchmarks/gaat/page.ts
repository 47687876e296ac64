/** `bench gaat` as one self-contained page, in the report's style. */
import * as Plot from '@observablehq/plot';
import { legend, plotSvg, type Series, seriesMarks } from '../../src/report/figures/plot.ts';
import { epsilonText, percent, valueText, words } from '../../src/report/format.ts';
import { html, type Markup } from '../../src/report/markup.ts';
import { renderPage } from '../../src/report/page.ts';
import { epochsText } from '../methods/record.ts';
import { savingText } from '../methods/table.ts';
import { conditions, drawnTable, factList, machineFacts, SCROLL_STYLES, toolFact } from '../page.ts';
import { type GaatRecord, type Looked, lastLooked } from './record.ts';
import {
  type Cells,
  explanation,
  flipCells,
  residualCells,
  runCells,
  savingCells,
  shareText,
  twinLines,
} from './table.ts';

const styles = `
main { max-width: 78rem; }
${SCROLL_STYLES}
.gaat { font-size: 0.82rem; } .gaat th, .gaat td { padding-left: 0.75rem; } .gaat th.text { min-width: 8.5rem; } .gaat .opens th, .gaat .opens td { border-top: 1px solid var(--ink); }
`;

const drawn = ({ text, ...cells }: Cells): Markup =>
  drawnTable({ name: 'gaat', ...cells, text: Array.from({ length: text }, (_, c) => c) });

interface Curve {
  readonly id: string;
  readonly title: string;
  readonly label: string;
  readonly isShare: boolean;
  readonly of: (at: Looked['at'][number]) => number;
}

const CURVES: readonly Curve[] = [
  {
    ...{ id: 'could-flip', title: 'Samples in whose ball some δ turns eq. (8) round, against ε' },
    ...{ label: 'could turn, %', isShare: true, of: (at) => at.couldFlip },
  },
  {
    ...{
      id: 'wrong',
      title: 'Pixels on which the sign of J is not that of the gradient at the start, against ε',
    },
    ...{ label: 'J is wrong, %', isShare: true, of: (at) => at.firstWrong },
  },
];

function overEpsilon({ id, title, label, isShare, of }: Curve, looked: readonly Looked[]): Markup {
  const series: Series[] = looked.map((one) => ({
    name: one.subject,
    points: one.at.map((at) => ({ x: at.epsilon, y: of(at) })),
  }));
  const most = Math.max(...series.flatMap((s) => s.points.map((p) => p.y)));
  const svg = plotSvg(title, {
    x: {
      label: 'ε',
      domain: [0, Math.max(...looked.flatMap((l) => l.at.map((at) => at.epsilon)))],
      ticks: 5,
    },
    y: { label, percent: isShare, domain: [0, (isShare ? 105 : 1.05) * most || 1], ticks: 5, grid: true },
    marks: [Plot.ruleY([0], { stroke: 'var(--rule)' }), ...seriesMarks(series)],
  });
  return html`<figure id="figure-${id}">${svg}${legend(series)}<figcaption>${title}.</figcaption></figure>`;
}

/** R with H = JJᵀ and without any H, where PGD's steps end and where GAAT's do. */
function residualFigures(looked: readonly Looked[]): Markup {
  return html`<div class="pair">${looked.map((one) => {
    const line = (name: string, of: (at: Looked['at'][number]) => number): Series => ({
      name,
      points: one.at.map((at) => ({ x: at.epsilon, y: of(at) })),
    });
    const series = [
      line('GAAT’s δ, H = JJᵀ', (at) => at.gaat.gaussNewton),
      line('GAAT’s δ, no H', (at) => at.gaat.none),
      line('PGD’s δ, H = JJᵀ', (at) => at.pgd.gaussNewton),
      line('PGD’s δ, no H', (at) => at.pgd.none),
    ];
    const most = Math.max(...series.flatMap((s) => s.points.map((p) => p.y)));
    const title = `${one.subject}: |ℓ(x + δ) − its approximation| against ε`;
    const svg = plotSvg(title, {
      x: { label: 'ε', domain: [0, Math.max(...one.at.map((at) => at.epsilon))], ticks: 5 },
      y: { label: 'R', domain: [0, 1.05 * most || 1], ticks: 5, grid: true },
      marks: [Plot.ruleY([0], { stroke: 'var(--rule)' }), ...seriesMarks(series)],
    });
    return html`<figure id="figure-residual-${one.subject}">${svg}${legend(series)}<figcaption>${title}.</figcaption></figure>`;
  })}</div>`;
}

/** What was found, in two sentences. */
function lead({ rows, training: t }: GaatRecord): string {
  const of = (name: string) => rows.find((r) => r.name === name);
  const [gaat, rat] = [of('gaat'), of('rat-10')];
  if (!gaat?.robust || !rat?.robust || gaat.saving === null)
    return `GAAT’s approximation on ${t.data.name}, after ${epochsText(t.epochs)}.`;
  const turned =
    gaat.flipRate === null
      ? ''
      : ` In training its second order turned ${shareText(gaat.flipRate)}\u00a0% of the samples round.`;
  return `GAAT took ${savingText(gaat.saving.median)} less time per mini-batch than RAT (passes say ${savingText(gaat.predictedSaving!)}), and is right on ${percent(gaat.robust['pgd-100'])} under PGD-100, RAT on ${percent(rat.robust['pgd-100'])}.${turned}`;
}

function conditionsSection(record: GaatRecord): Markup {
  const { versions, training: t, runs } = record;
  const settingsOf = (run: GaatRecord['runs'][number]) =>
    Object.entries(run.settings)
      .map(([name, value]) => `${words(name)} ${valueText(value)}`)
      .join(', ');
  const facts = factList([
    ...machineFacts(record),
    ['training', `${t.engine} on ${t.device}, ${t.threads} threads`],
    ...Object.entries(versions),
    toolFact(record),
    ['data', `${t.data.name}, SHA-256 ${t.data.sha256}`],
    ...Object.entries(t.common).map(([name, value]) => [words(name), [value].flat().join(', ')] as const),
  ]);
  const each = factList(runs.map((run) => [run.label, settingsOf(run)] as const));
  return conditions(html`<div class="columns"><div>${facts}</div><div><h3>Each run</h3>${each}</div></div>`);
}

const notes = (sentences: readonly string[]): Markup =>
  html`${sentences.map((sentence) => html`<p class="note">${sentence}</p>`)}`;

/** @returns one HTML file: no network, no JavaScript */
export function renderGaat(record: GaatRecord): string {
  const seen = lastLooked(record.looked);
  return renderPage({
    title: 'GAAT under the lens',
    kicker: 'GAAT under the lens',
    heading: 'What GAAT’s second order does',
    subject: html`${record.training.data.name}, ${epochsText(record.training.epochs)}; L∞, <span class="whole">ε = ${epsilonText(record.epsilon)}</span>; <span class="whole">${record.date.slice(0, 10)}</span>`,
    sections: [
      html`<p class="lead">${lead(record)}</p>`,
      html`<section aria-labelledby="runs"><h2 id="runs">Cost and robustness</h2>
${twinLines(record).map((line) => html`<p>${line}</p>`)}
${drawn(runCells(record))}${notes(explanation(record).slice(0, 4))}</section>`,
      html`<section aria-labelledby="saving"><h2 id="saving">The saving: claimed, by passes, measured</h2>
${drawn(savingCells(record))}</section>`,
      html`<section aria-labelledby="flips"><h2 id="flips">Which steps H changes</h2>
<p>With H = JJᵀ (eq. 8), J + Hδ = J·(1 + J·δ): ±J. A sample is turned round as a whole where J·δ⁰ &lt; −1, and then for all T steps; otherwise they are
one step of T·α along sign J. The exact H can turn single pixels.</p>
${seen.length > 0 && html`<div class="pair">${CURVES.map((curve) => overEpsilon(curve, seen))}</div>`}
<details open><summary>By network, epoch and ε</summary>${drawn(flipCells(record))}</details>${notes(explanation(record).slice(4, 5))}</section>`,
      html`<section aria-labelledby="residual"><h2 id="residual">How far the approximation is off</h2>
${residualFigures(seen)}
<details open><summary>By network, epoch and ε</summary>${drawn(residualCells(record))}</details>${notes(explanation(record).slice(5))}</section>`,
      conditionsSection(record),
    ],
    styles,
  });
}
