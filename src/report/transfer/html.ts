/** The page of a transfer: the matrix, and whether black-box examples do better than white-box ones. */
import { epsilonText, integer, normText, percentNumber, secondsNumber, valueText, words } from '../format.ts';
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
import { rowsOf, transferSentences } from './matrix.ts';
import type { TransferResult, TransferResultCell } from './schema.ts';

/** Renders a transfer as one self-contained HTML file; all its text is escaped. */
export function renderTransfer(result: TransferResult): string {
  const { threat, data } = result;
  const names = result.targets.map((t) => t.name).join(', ');
  return renderPage({
    title: `${names}: examples of other models`,
    kicker: 'Transferred examples',
    heading: names,
    subject: html`${data.name}, ${data.split}, ${integer(result.n)} images; ${normText(threat.norm)}, <span class="whole">ε = ${epsilonText(threat.epsilon)}</span>; <span class="whole">${result.createdAt.slice(0, 10)}</span>`,
    sections: [
      html`<section id="headline" aria-label="Result">${transferSentences(result).map((s) => html`<p class="lead">${s}</p>`)}</section>`,
      matrixSection(result),
      findingsSection(result),
      runsSection(result),
      originSection(result),
      rawSection(result, 'transfer.json'),
    ],
  });
}

function matrixSection(result: TransferResult): Markup {
  const caption = `Correct, % of ${integer(result.n)} images; bold where source and target are the same model`;
  const cell = (c: TransferResultCell): Markup =>
    html`<td class="shade${c.whiteBox && ' own'}" style="--share:${(100 * c.accuracy).toFixed(1)}%">${percentNumber(c.accuracy)}</td>`;
  const clean = result.targets.map(
    ({ accuracy }) =>
      html`<td class="shade" style="--share:${(100 * accuracy).toFixed(1)}%">${percentNumber(accuracy)}</td>`,
  );
  return html`<section aria-labelledby="matrix"><h2 id="matrix">The matrix</h2>
<p class="note">${caption}.</p>
<div class="scroll" tabindex="0" role="region" aria-label="The matrix"><table class="numbers grid" id="figure-matrix">
<thead><tr><th scope="col" class="text name">examples made on</th><th scope="col" class="text">by</th>${result.targets.map(
    ({ name }) => html`<th scope="col" class="name">${name}</th>`,
  )}</tr></thead>
<tbody><tr><th scope="row" class="text name">none</th><td class="text">–</td>${clean}</tr>
${rowsOf(result).map(
  ({ source, attack, cells }) =>
    html`<tr><th scope="row" class="text name">${source}</th><td class="text">${attack}</td>${cells.map(cell)}</tr>
`,
)}</tbody></table></div></section>`;
}

function findingsSection({ findings, targets }: TransferResult): Markup {
  const sorted = [...findings].sort((a, b) => order[a.verdict] - order[b.verdict]);
  const named = sorted.map((f) =>
    targets.length > 1
      ? checkItem({ ...f, title: `${f.target}: ${f.title}` }, undefined)
      : checkItem(f, undefined),
  );
  return html`<section aria-labelledby="findings"><h2 id="findings">Do the numbers behave?</h2>
<p>Whoever may differentiate a model finds what examples of other models find, and more. Where those do better, its gradients
lead astray.</p>
${
  sorted.length === 0
    ? html`<p class="trust warn">No target is among the sources: there is nothing to compare with.</p>`
    : html`<ul class="checks">${named}</ul>`
}</section>`;
}

function runsSection({ runs }: TransferResult): Markup {
  return html`<section aria-labelledby="runs"><h2 id="runs">Attacks on the sources</h2>
<table class="numbers"><caption>On the images that any target classifies correctly. The attacks do not stop at a source’s first mistake.
Forwards and backwards count images.</caption>
<thead><tr><th scope="col" class="text">source</th><th scope="col" class="text">attack</th><th scope="col" class="extra">images</th><th scope="col" class="extra">forwards</th><th scope="col" class="extra">backwards</th><th scope="col">seconds</th></tr></thead>
<tbody>${runs.map((run) => {
    const parameters = Object.entries(run.parameters).map(
      ([name, value]) => `${words(name)} ${valueText(value)}`,
    );
    return html`<tr><th scope="row" class="text">${run.source}</th><td class="text">${run.attack}<span class="note"> ${parameters.join(' · ')}</span></td><td class="extra">${integer(run.attacked)}</td><td class="extra">${integer(run.forwards)}</td><td class="extra">${integer(run.backwards)}</td><td>${secondsNumber(run.seconds)}</td></tr>
`;
  })}</tbody></table></section>`;
}

function originSection(result: TransferResult): Markup {
  const { threat } = result;
  const request = {
    ...result,
    attacked: result.n,
    threat: `${normText(threat.norm)}, ε = ${epsilonText(threat.epsilon)}`,
  };
  return provenance([
    ...result.models.map((model) => [model.name, modelFacts(model)] as const),
    ['Data and request', requestFacts(request)],
    ['Environment', environmentFacts(result)],
  ]);
}
