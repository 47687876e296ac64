/** The page of an experiment: the papers' tables, filled. */
import { epsilonText, normText, percentNumber, secondsNumber } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { renderPage } from '../page.ts';
import { provenance, rawSection } from '../sections/provenance.ts';
import type { Comparison, ComparisonCell, ComparisonTable } from './schema.ts';
import { accuracyText, comparisonSentence, countText, savingText, tableTitle, timeText } from './text.ts';

/** Renders a comparison as one self-contained HTML file; all its text is escaped. */
export function renderComparison(comparison: Comparison): string {
  const { name, createdAt, tables, norm } = comparison;
  const of = (key: 'data' | 'model') => [...new Set(tables.map((t) => t[key]))].join(', ');
  const radii = [...new Set(tables.map((t) => epsilonText(t.epsilon)))].join(', ');
  return renderPage({
    title: `${name}: methods compared`,
    kicker: 'Comparison',
    heading: name,
    subject: html`${of('model')} on ${of('data')}; ${normText(norm)}, ε = ${radii}; <span class="whole">${createdAt.slice(0, 10)}</span>`,
    sections: [
      html`<section id="headline" aria-label="Result"><p class="lead">${comparisonSentence(comparison)}</p></section>`,
      ...tables.map((table, t) => tableSection(comparison, table, t)),
      failures(comparison),
      cellsSection(comparison),
      originSection(comparison),
      rawSection(comparison, 'comparison.json'),
    ],
    styles: STYLES,
  });
}

/** Wide tables scroll inside their frame; the first column stays. */
const STYLES = `
.compared th:first-child { position: sticky; left: 0; background: var(--paper); text-align: left; white-space: normal; min-width: 5.5rem; max-width: 11rem; overflow-wrap: anywhere; padding-right: 0.6rem; }
.scroll + .note { margin-top: 0.6rem; }
.compared td.worst { font-weight: 600; }
.compared tbody tr.failed th, .compared tbody tr.failed td { color: var(--muted); }
.compared .spread { color: var(--muted); }
@media print { .compared th:first-child { position: static; } }
`;

/** The deviation steps back behind the mean. */
function spread(text: string): Markup {
  const [mean, sd] = text.split(' ± ');
  return sd === undefined ? html`${mean}` : html`${mean}<span class="spread"> ± ${sd}</span>`;
}

function tableSection(comparison: Comparison, table: ComparisonTable, t: number): Markup {
  const times = comparison.times.rows[t]!;
  const trained = table.rows.some(({ backwards }) => backwards !== null);
  const title = tableTitle(table, comparison);
  const costs = trained
    ? html`<th scope="col">#BP</th><th scope="col">saved</th><th scope="col">seconds</th><th scope="col">saved</th>`
    : null;
  return html`<section aria-labelledby="table-${t}"><h2 id="table-${t}">${title}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table class="numbers compared">
<thead><tr><th scope="col">method</th><th scope="col">natural</th>${table.columns.map((name) => html`<th scope="col">${name}</th>`)}<th scope="col">robust</th>${costs}</tr></thead>
<tbody>${table.rows.map(
    (
      row,
      r,
    ) => html`<tr${row.natural === null && html` class="failed"`}><th scope="row">${row.method}${row.failed > 0 && html` <span class="badge fail">${row.failed} failed</span>`}${row.doubted > 0 && html` <span class="badge warn">${row.doubted} doubted</span>`}</th><td>${spread(accuracyText(row.natural))}</td>${row.attacks.map((a) => html`<td>${spread(accuracyText(a))}</td>`)}<td class="worst">${spread(accuracyText(row.robust))}</td>${
      trained &&
      html`<td>${spread(countText(row.backwards))}</td><td>${savingText(row.saving)}</td><td>${spread(timeText(times[r]!.training))}</td><td>${savingText(times[r]!.saving)}</td>`
    }</tr>
`,
  )}</tbody></table></div>
<p class="note">${noteOf(comparison, table, trained)}</p></section>`;
}

function noteOf(
  { cells }: Comparison,
  { model, data, epsilon, rows }: ComparisonTable,
  trained: boolean,
): string {
  const mine = cells.filter((c) => c.model === model && c.data === data && c.epsilon === epsilon);
  const images = [...new Set(mine.flatMap((c) => c.figures?.images ?? []))].join(' or ');
  const notes = [
    `Accuracy in %: natural over all test images, under attack over the first ${images || 'images'}; “robust” counts an image that any attack broke.`,
    trained && '#BP: backward passes of a mini-batch in all of the training; “saved” is against pgd.',
    rows.some((r) => r.doubted > 0) &&
      '“Doubted”: the audit itself says that its figure is doubtful or not to be believed; its report says why.',
  ];
  return notes.filter(Boolean).join(' ');
}

function failures({ cells }: Comparison): Markup | null {
  const failed = cells.filter((c) => c.failure !== null);
  if (failed.length === 0) return null;
  return html`<section aria-labelledby="failed"><h2 id="failed">What failed</h2>
<ul class="checks">${failed.map(
    ({ id, failure }) =>
      html`<li class="fail"><span class="badge">${failure!.job}</span><div><h3>${id}</h3><p>${failure!.reason}</p></div></li>
`,
  )}</ul></section>`;
}

function cellsSection({ cells, times }: Comparison): Markup {
  const row = (c: ComparisonCell): Markup => {
    const { training = null, audit = null } = times.cells[c.id] ?? {};
    const name = c.figures ? html`<a href="cells/${c.id}/report.html">${c.id}</a>` : c.id;
    return html`<tr><th scope="row" class="text">${name}</th><td>${c.figures ? percentNumber(c.figures.natural) : '–'}</td><td>${c.figures ? percentNumber(c.figures.robust) : '–'}</td><td class="extra">${c.figures?.belief ?? '–'}</td><td class="extra">${training === null ? '–' : secondsNumber(training)}</td><td class="extra">${audit === null ? '–' : secondsNumber(audit)}</td></tr>
`;
  };
  return html`<section aria-labelledby="cells"><h2 id="cells">Cell by cell</h2><details><summary>All ${cells.length}</summary>
<table class="numbers"><caption>Each with its own report. Seconds of the training and of the audit, all shards together.</caption>
<thead><tr><th scope="col" class="text">cell</th><th scope="col">natural</th><th scope="col">robust</th><th scope="col" class="extra">verdict</th><th scope="col" class="extra">training</th><th scope="col" class="extra">audit</th></tr></thead>
<tbody>${cells.map(row)}</tbody></table></details></section>`;
}

function originSection({ tool, engine, seeds, createdAt }: Comparison): Markup {
  return provenance([
    [
      'Experiment',
      [
        ['seeds', seeds.join(', ')],
        ['made', `${createdAt.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')}`],
      ],
    ],
    [
      'Tool',
      [
        [tool.name, tool.gitCommit ? `${tool.version}, commit ${tool.gitCommit}` : tool.version],
        ['engine', `${engine.name} on ${engine.device}`],
      ],
    ],
  ]);
}
