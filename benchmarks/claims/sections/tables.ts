/** Each table of the papers: every number, what stands beside it, and the commands. */
import { html, type Markup } from '../../../src/report/markup.ts';
import type { Judged, JudgedTable } from '../judged.ts';
import type { ClaimsReport } from '../report.ts';
import { claimText, comparedText, hereText, overClaimed, ratioText } from '../text.ts';
import { anchor } from './summary.ts';

const CLASSES = { reproduced: 'yes', 'not reproduced': 'no', 'not testable here': 'open' } as const;

/** Where it is from: a record, or which other setting. */
const fromWhere = ({ evidence, elsewhere }: Judged): Markup | null => {
  if (evidence)
    return html`<span class="note">${evidence.about}; ${evidence.machine}; ${evidence.record}</span>`;
  return elsewhere && html`<span class="note">${elsewhere.about}</span>`;
};

type Content = Markup | string | null;

/** On a narrow screen each cell stands under the last, with its heading before it; an empty one has none. */
const cell = (label: string, value: Content, kind = ''): Markup =>
  html`<td role="cell" data-label="${value === '' ? '' : label}" class="${kind}">${value}</td>`;

function row(judged: Judged): Markup {
  const { claim, kind, claimed, predicted, verdict, reason } = judged;
  const over = overClaimed(judged);
  const compared = kind === 'ratio' && claimed !== 1 ? comparedText(judged, claimed) : '';
  const here = hereText(judged);
  return html`<tr role="row"><th role="rowheader" scope="row" class="text">${claim.row.join(', ')}</th>${[
    cell('column', claim.column, 'text'),
    cell('claimed', claimText(claim)),
    cell('that is', compared),
    cell('by passes', predicted === null ? '' : ratioText(predicted)),
    cell('here', here && html`<div>${here}${fromWhere(judged)}</div>`, 'text wide'),
    cell('÷ claimed', over === null ? '' : over.toFixed(2)),
    cell(
      'verdict',
      html`<div>${verdict}<span class="note">${reason}</span></div>`,
      `text wide ${CLASSES[verdict]}`,
    ),
  ]}</tr>
`;
}

const HEADS = ['row', 'column', 'claimed', 'that is', 'by passes', 'here', '÷ claimed', 'verdict'];

/** Each once: rows share them. */
function commands({ claims }: JudgedTable): Markup | null {
  const all = new Set(claims.flatMap((j) => j.commands ?? []));
  return all.size === 0
    ? null
    : html`<details><summary>${all.size} commands that measure these here</summary>${[...all].map((line) => html`<code class="command">${line}</code>`)}</details>`;
}

const tableSection = (of: JudgedTable): Markup => html`<h3 id="${anchor(of)}">${of.paper}, ${of.table}</h3>
<p class="note">${of.caption}; hardware: ${of.hardware}.${of.absent !== undefined && html` Not here: ${of.absent}.`}</p>
<details${of.claims.some((j) => j.verdict !== 'not testable here') && html` open`}><summary>${of.claims.length} claims</summary><div class="scroll"><table class="stack claims" role="table"><thead role="rowgroup"><tr role="row">${HEADS.map(
  (head) => html`<th role="columnheader" scope="col" class="text">${head}</th>`,
)}</tr></thead><tbody role="rowgroup">${of.claims.map(row)}</tbody></table></div></details>
${commands(of)}`;

export const tablesSection = ({ tables, papers }: ClaimsReport): Markup =>
  html`<section aria-labelledby="tables"><h2 id="tables">Table by table</h2>
<ul>${Object.entries(papers).map(([name, title]) => html`<li><em>${name}</em>: ${title}</li>`)}</ul>
${tables.map(tableSection)}</section>`;
