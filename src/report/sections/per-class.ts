import { integer, percentNumber } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { PerClassResult, Result } from '../schema.ts';

/** Beyond this, the least robust classes only: a thousand bars say nothing. */
const MOST = 30;

const number = (fraction: number | null): string => (fraction === null ? '–' : percentNumber(fraction));
const width = (fraction: number | null): string => `width:${((fraction ?? 0) * 100).toFixed(1)}%`;

function row(entry: PerClassResult, name: string, nameWidth: number): Markup {
  return html`<tr><th scope="row" class="text"><span style="width:${nameWidth}ch">${name}</span></th><td class="bars" aria-hidden="true"><span class="track"><span class="clean" style="${width(
    entry.cleanAccuracy,
  )}"></span><span class="robust" style="${width(entry.robustAccuracy)}"></span></span></td><td>${number(
    entry.cleanAccuracy,
  )}</td><td>${number(entry.robustAccuracy)}</td><td class="count">${integer(entry.n)}</td></tr>
`;
}

/** Clean and robust accuracy of each class, as bars with their numbers. */
export function perClassSection(result: Result, classNames: readonly string[] | undefined): Markup | null {
  const { perClass } = result;
  if (perClass.length === 0) return null;
  const nameOf = (entry: PerClassResult): string =>
    classNames?.[entry.label] ?? entry.name ?? String(entry.label);
  const many = perClass.length > MOST;
  const shown = many
    ? [...perClass].sort((a, b) => (a.robustAccuracy ?? 2) - (b.robustAccuracy ?? 2)).slice(0, MOST)
    : perClass;
  // As wide as the longest name, within reason: longer ones wrap.
  const nameWidth = Math.min(14, Math.max(5, ...shown.map((entry) => nameOf(entry).length + 1)));
  return html`<section aria-labelledby="classes"><h2 id="classes">Class by class</h2>
<figure id="figure-classes"><table class="numbers classes"><caption>${
    many && `The ${MOST} least robust of ${integer(perClass.length)} classes. `
  }Solid: correct under every attack. Pale: correct on the clean images.</caption>
<thead><tr><th scope="col" class="text">class</th><th scope="col" class="bars"><span class="hidden">bars</span></th><th scope="col">clean, %</th><th scope="col">robust, %</th><th scope="col" class="count">images</th></tr></thead>
<tbody>${shown.map((entry) => row(entry, nameOf(entry), nameWidth))}</tbody></table></figure></section>`;
}
