/** How many claims of each table got which verdict. */
import { html, type Markup } from '../../../src/report/markup.ts';
import type { JudgedTable } from '../judged.ts';
import type { ClaimsReport } from '../report.ts';
import { VERDICTS } from '../verdict.ts';

/** The id of a table's heading. */
export const anchor = ({ paper, table }: Pick<JudgedTable, 'paper' | 'table'>): string =>
  `${paper}-${table}`.replaceAll(/[^\w-]+/g, '-');

export function summarySection({ tables, counts }: ClaimsReport): Markup {
  const rows = tables.map((t) => {
    const cells = VERDICTS.map((v) => html`<td>${t.claims.filter((j) => j.verdict === v).length}</td>`);
    return html`<tr><th scope="row" class="text"><a href="#${anchor(t)}">${t.paper}, ${t.table}</a></th><td>${t.claims.length}</td>${cells}</tr>
`;
  });
  const all = tables.reduce((sum, t) => sum + t.claims.length, 0);
  return html`<section aria-labelledby="summary"><h2 id="summary">Verdicts by table</h2>
<div class="scroll"><table class="numbers claims"><thead><tr><th scope="col" class="text">table</th><th scope="col">claims</th>${VERDICTS.map((v) => html`<th scope="col">${v}</th>`)}</tr></thead>
<tbody>${rows}<tr><th scope="row" class="text">all</th><td>${all}</td>${VERDICTS.map((v) => html`<td>${counts[v]}</td>`)}</tr></tbody></table></div></section>`;
}
