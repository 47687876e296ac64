/** Robust accuracy against backward passes: a curve per tool. */
import * as Plot from '@observablehq/plot';
import { legend, plotSvg, type Series, seriesMarks } from '../../src/report/figures/plot.ts';
import { html, type Markup } from '../../src/report/markup.ts';
import { CURVES, type CurveName, TITLES, TOOLS } from './bouts.ts';
import type { AttacksRecord, Point } from './record.ts';

const NAMES: Readonly<Record<CurveName, string>> = { pgd: 'PGD', 'apgd-ce': 'APGD on the cross-entropy' };

/** Above and below the curves, a share of 1. */
const ROOM = 0.01;

/** The curves of an attack, each by passes. */
export const seriesOf = (curve: readonly Point[], attack: CurveName): Series[] =>
  TOOLS.flatMap((tool) => {
    const points = curve
      .filter((p) => p.attack === attack && p.tool === tool)
      .map((p) => ({ x: p.backwards, y: p.robustAccuracy }))
      .sort((a, b) => a.x - b.x);
    return points.length > 0 ? [{ name: TITLES[tool], points }] : [];
  });

function figure(curve: readonly Point[], attack: CurveName): Markup | null {
  const series = seriesOf(curve, attack);
  if (series.length === 0) return null;
  // Both figures have the same axes.
  const [xs, ys] = [curve.map((p) => p.backwards), curve.map((p) => p.robustAccuracy)];
  const low = Math.max(0, Math.min(...ys) - ROOM);
  const high = Math.min(1, Math.max(...ys) + ROOM);
  const svg = plotSvg(`Robust accuracy against backward passes of ${NAMES[attack]}`, {
    x: {
      type: 'log',
      label: 'images passed backwards (logarithmic)',
      domain: [Math.min(...xs), Math.max(...xs)],
      ticks: 4,
      tickFormat: '~s',
    },
    y: { label: 'correct, %', percent: true, domain: [100 * low, 100 * high], ticks: 5, grid: true },
    marks: [Plot.ruleY([low], { stroke: 'var(--rule)' }), ...seriesMarks(series)],
  });
  return html`<figure id="figure-${attack}">${svg}${legend(series)}<figcaption>${NAMES[attack]} of 1, 2, 5, 10, 20, 50 and 100 steps: what stands, and what it took. Further left at the same height is cheaper.</figcaption></figure>`;
}

/** The figures side by side; nothing before the first curve is there. */
export function curveFigures({ curve }: Pick<AttacksRecord, 'curve'>): Markup | null {
  const figures = (Object.keys(CURVES) as CurveName[]).flatMap((attack) => figure(curve, attack) ?? []);
  return figures.length === 0 ? null : html`<div class="pair">${figures}</div>`;
}
