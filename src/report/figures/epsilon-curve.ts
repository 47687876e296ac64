/** Accuracy against ε. */
import * as Plot from '@observablehq/plot';
import { epsilonText, normText, percent } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { Result } from '../schema.ts';
import { legend, plotSvg, type Series, seriesMarks } from './plot.ts';

/** The curves of the sweep, one per attack, each sorted by ε. */
export function epsilonSeries({ sweep, clean, robust }: Result): Series[] {
  const names = [...new Set(sweep.map((point) => point.attack))];
  return names.map((name) => {
    const points = sweep
      .filter((point) => point.attack === name)
      .map((point) => ({ x: point.epsilon, y: point.robustAccuracy }))
      .sort((a, b) => a.x - b.x);
    // ε = 0 is the clean accuracy, if that was measured on the very images attacked.
    if (points[0] && points[0].x > 0 && clean.n === robust.n) points.unshift({ x: 0, y: clean.accuracy });
    return { name, points };
  });
}

/** The figure, or null when no sweep was run. */
export function epsilonCurve(result: Result): Markup | null {
  const series = epsilonSeries(result);
  if (series.length === 0) return null;
  const { threat, robustAccuracy } = result;
  const largest = Math.max(...series.flatMap(({ points }) => points.map((point) => point.x)), threat.epsilon);
  // A sweep up to ε = 1 would press the interesting part against the left edge.
  const stretched = largest > 4 * threat.epsilon;
  const worst = { x: threat.epsilon, y: robustAccuracy };
  const leftHalf = (stretched ? Math.sqrt(worst.x / largest) : worst.x / largest) < 0.6;
  const svg = plotSvg(`Accuracy against ε, falling to ${percent(robustAccuracy)} at the radius audited`, {
    x: {
      label: `ε, ${normText(threat.norm)} radius${stretched ? ' (square-root scale)' : ''}`,
      domain: [0, largest],
      ticks: 5,
      ...(stretched ? { type: 'sqrt' as const } : {}),
    },
    y: { label: 'correct, %', percent: true, domain: [0, 100], ticks: 5, grid: true },
    marks: [
      Plot.ruleY([0], { stroke: 'var(--rule)' }),
      Plot.ruleX([threat.epsilon], { stroke: 'var(--muted)', strokeDasharray: '2 3' }),
      ...seriesMarks(series),
      Plot.dot([worst], {
        x: 'x',
        y: 'y',
        r: 5.5,
        fill: 'var(--paper)',
        stroke: 'var(--ink)',
        strokeWidth: 2,
      }),
      // The curve falls: above it on the right, or below it on the left, there is room for words.
      Plot.text([worst], {
        x: 'x',
        y: 'y',
        text: () => `worst case ${percent(robustAccuracy)}`,
        textAnchor: leftHalf ? 'start' : 'end',
        dx: leftHalf ? 10 : -10,
        dy: leftHalf ? -9 : 11,
        fill: 'var(--ink)',
        stroke: 'var(--paper)',
        strokeWidth: 5,
      }),
    ],
  });
  const who = series.length === 1 ? html` under <em>${series[0]?.name}</em>` : null;
  return html`<figure id="figure-epsilon">${svg}${legend(series)}<figcaption>Accuracy${who} as the radius grows. The ring
is the worst case over all attacks at the radius audited, <span class="whole">ε = ${epsilonText(threat.epsilon)}</span>.</figcaption></figure>`;
}
