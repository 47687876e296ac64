import { epsilonCurve } from '../figures/epsilon-curve.ts';
import { epsilonText, percentNumber, secondsNumber } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { Result } from '../schema.ts';

/** The ε curve beside its numbers. */
export function curveSection(result: Result): Markup | null {
  const figure = epsilonCurve(result);
  if (!figure) return null;
  const points = [...result.sweep].sort((a, b) => a.attack.localeCompare(b.attack) || a.epsilon - b.epsilon);
  const several = new Set(points.map((point) => point.attack)).size > 1;
  return html`<section aria-labelledby="curve"><h2 id="curve">Accuracy against ε</h2>
<div class="pair wide-left">${figure}
<table class="numbers"><caption>The points of the curve</caption>
<thead><tr>${several && html`<th scope="col" class="text">attack</th>`}<th scope="col">ε</th><th scope="col">correct, %</th><th scope="col">seconds</th></tr></thead>
<tbody>${points.map(
    (
      point,
    ) => html`<tr>${several && html`<td class="text">${point.attack}</td>`}<th scope="row">${epsilonText(point.epsilon)}</th><td>${percentNumber(point.robustAccuracy)}</td><td>${secondsNumber(point.seconds)}</td></tr>
`,
  )}</tbody></table></div></section>`;
}
