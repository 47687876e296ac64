/** Observable Plot without a browser: options in, static SVG out, coloured by the page's CSS variables. */
import * as Plot from '@observablehq/plot';
import { Window } from 'happy-dom';
import { escapeHtml, html, Markup } from '../markup.ts';

let window: Window | undefined;

/** Size of every figure in its own units; the page scales it to its column, half of the page or a whole phone. */
export const FIGURE = { width: 440, height: 280 } as const;

/**
 * Draws a figure.
 *
 * @param title - what it shows, for people who hear the page
 */
export function plotSvg(title: string, options: Plot.PlotOptions): Markup {
  window ??= new Window();
  const drawn = Plot.plot({
    ...FIGURE,
    marginTop: 30,
    marginLeft: 46,
    marginRight: 18,
    marginBottom: 42,
    className: 'plot',
    style: { fontSize: '13px' },
    ...options,
    document: window.document as unknown as NonNullable<Plot.PlotOptions['document']>,
  });
  const svg = String(drawn.outerHTML);
  const name = escapeHtml(title);
  return new Markup(
    svg.replace('<svg ', `<svg role="img" aria-label="${name}" `).replace('>', `><title>${name}</title>`),
  );
}

/** One curve of a figure: colour, dash and marker differ, so that colour is never the only sign. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const dashes = ['none', '6 4', '2 3', '9 3 2 3'] as const;

/** CSS colour of the i-th series. */
export const seriesColour = (i: number): string => `var(--series-${(i % 4) + 1})`;

/** Its dash: with the same colour, another one. */
const dashOf = (i: number): string => dashes[(i + Math.floor(i / 4)) % dashes.length] ?? 'none';

/** Line and, where there are few points, dot marks of some series. */
export function seriesMarks(series: readonly Series[]): Plot.Markish[] {
  return series.flatMap(({ points }, i) => [
    Plot.line(points, {
      x: 'x',
      y: 'y',
      stroke: seriesColour(i),
      strokeWidth: 2,
      strokeDasharray: dashOf(i),
    }),
    ...(points.length > 40 ? [] : [Plot.dot(points, { x: 'x', y: 'y', r: 3, fill: seriesColour(i) })]),
  ]);
}

/** The legend of some series, as HTML: names are escaped, and wrap on a phone. */
export function legend(series: readonly Series[]): Markup | null {
  if (series.length < 2) return null;
  return html`<ul class="legend">${series.map(
    ({ name }, i) =>
      html`<li><svg width="28" height="8" viewBox="0 0 28 8" aria-hidden="true"><line x1="1" x2="27" y1="4" y2="4" stroke="${seriesColour(i)}" stroke-width="2" stroke-dasharray="${dashOf(i)}"/></svg>${name}</li>`,
  )}</ul>`;
}
