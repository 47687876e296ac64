/** `bench methods` as one self-contained page, in the report's style. */
import { epsilonText, integer, secondsText, valueText, words } from '../../src/report/format.ts';
import { html, type Markup } from '../../src/report/markup.ts';
import { renderPage } from '../../src/report/page.ts';
import { conditions, factList, machineFacts, SCROLL_STYLES, toolFact } from '../page.ts';
import { costFigures } from './figure.ts';
import { PAPERS, type Published, published, publishedSaving, ratOf } from './published.ts';
import { epochsText, type MeasuredMethod, type MethodsRecord, type Row } from './record.ts';
import { explanation, HEADER, remarks, rightOf, rowCells, savingText } from './table.ts';

/** The table is wider than the report's, and its columns are close. */
const styles = `
main { max-width: 78rem; }
${SCROLL_STYLES} #methods ~ .note { max-width: 60rem; margin-bottom: 0.4rem; } #methods ~ .pair { margin-top: 2rem; }
.methods { font-size: 0.82rem; } .methods th, .methods td { padding-left: 0.75rem; }
.methods .first { border-left: 1px solid var(--rule); }
.methods td.text { white-space: normal; min-width: 8.5rem; }
.methods thead tr:first-child th { border-bottom-color: var(--rule); text-align: left; }
.published td.text { min-width: 5.5rem; }
@media (max-width: 46rem) {
  .methods th, .methods td { padding-left: 0; }
  .methods .first { border-left: 0; grid-column: 1; }
  .methods td, .methods td.text { white-space: normal; min-width: 0; overflow-wrap: anywhere; }
}
`;

/** Columns of the first heading, then of the second. */
const MEASURED = 10;

const cell = (label: string, value: string, kind = ''): Markup =>
  html`<td role="cell" data-label="${value === '' ? '' : label}" class="${kind}">${value}</td>`;

function tableRow(record: MethodsRecord, row: Row): Markup {
  const notes = remarks(record).filter((r) => r.method === row.method);
  const paper = rightOf(record, row);
  const labels = HEADER.slice(1);
  const here = rowCells(row).map((value, i) => cell(labels[i]!, value));
  const there = paper.map((value, i) =>
    cell(
      `${i === 0 ? '' : 'paper: '}${labels[MEASURED + i]}`,
      value,
      i === 0 ? 'first' : i === 3 ? 'text' : '',
    ),
  );
  return html`<tr role="row"><th role="rowheader" scope="row">${row.method}${notes.map(
    (r) => html`<span class="note">${r.text}</span>`,
  )}</th>${here}${there}</tr>
`;
}

function tableSection(record: MethodsRecord): Markup {
  const head = HEADER.slice(1).map(
    (name, i) =>
      html`<th role="columnheader" scope="col" class="${i === MEASURED ? 'first' : i === HEADER.length - 2 ? 'text' : ''}">${i === MEASURED ? 'natural' : name}</th>`,
  );
  return html`<section aria-labelledby="methods"><h2 id="methods">Cost and robustness</h2>
<div class="scroll"><table class="stack methods" role="table"><thead role="rowgroup"><tr role="row"><td></td><th scope="colgroup" colspan="${MEASURED}">measured here</th><th scope="colgroup" class="first" colspan="4">as published</th></tr>
<tr role="row"><th role="columnheader" scope="col">method</th>${head}</tr></thead>
<tbody role="rowgroup">${record.rows.map((row) => tableRow(record, row))}</tbody></table></div>
${explanation(record).map((sentence) => html`<p class="note">${sentence}</p>`)}
${costFigures(record.rows)}</section>`;
}

/** GAAT's claim, where both sides of it were measured. */
function lead({ rows, training }: MethodsRecord): string {
  const of = (method: string) => rows.find((r) => r.method === method);
  const [gaat, rat] = [of('gaat'), of('pgd')];
  const under = (row: Row) => `${(100 * row.robust!['pgd-100']).toFixed(1)}\u00a0%`;
  if (!gaat?.robust || gaat.saving === null || !rat?.robust)
    return `${rows.length} training methods on ${training.data.name}, each for ${epochsText(training.epochs)}.`;
  const saved = (saving: number) =>
    saving < 0 ? `${savingText(-saving)} more time than RAT` : `${savingText(saving)} less time than RAT`;
  const claim = gaat.published?.saving ?? null;
  const said = claim === null ? '' : ` (${savingText(claim)} less in its paper, on ${gaat.published!.data})`;
  return `GAAT took ${saved(gaat.saving)}${said} and is right on ${under(gaat)} of the images under PGD-100, RAT on ${under(rat)}.`;
}

const settingsOf = ({ settings }: Pick<MeasuredMethod, 'settings'>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${words(name)} ${valueText(value)}`)
    .join(', ');

function conditionsSection(record: MethodsRecord): Markup {
  const { tool, training: t, attacks: a, methods } = record;
  const versions = Object.assign({}, ...methods.map((m) => m.trainedBy?.versions ?? {}));
  const commits = new Set(methods.flatMap((m) => m.trainedBy?.tool.gitCommit ?? []));
  const others = [...commits].filter((commit) => commit !== tool.gitCommit);
  const machineList = factList([
    ...machineFacts(record),
    ['training', `${t.engine} on ${t.device}, ${t.threads} threads`],
    ['attacks', a.engine],
    ...Object.entries<string>(versions),
    toolFact(record),
    ...(others.length > 0 ? [['trained at', others.join(', ')] as const] : []),
  ]);
  const shared = factList([
    [
      'data',
      `${t.data.name}, ${integer(t.images)} images; ${integer(t.validation)} held out, under PGD-${t.validationSteps}`,
    ],
    ['SHA-256', t.data.sha256],
    ['epochs', `${t.epochs}`],
    ['seed', `${t.seed}`],
    ...Object.entries(t.common).map(([name, value]) => [words(name), [value].flat().join(', ')] as const),
  ]);
  const own = factList(methods.map((m) => [m.method, settingsOf(m) || 'its defaults'] as const));
  return conditions(html`<div class="columns"><div><h3>Machine</h3>${machineList}</div>
<div><h3>All methods</h3>${shared}</div>
<div><h3>Each method</h3>${own}</div></div>`);
}

const timeText = ({ time, epochSeconds }: Published): string =>
  [
    ...(time ? [`${time.value.toLocaleString('en-US')} ${time.unit}`] : []),
    ...(epochSeconds === undefined ? [] : [`${secondsText(epochSeconds)} per epoch`]),
  ].join(', ');

function publishedRow(p: Published): Markup {
  const rat = ratOf(p);
  const saving = p.method === 'pgd' ? undefined : publishedSaving(p);
  const robust = Object.entries(p.robust ?? {}).map(([attack, percent]) => `${attack} ${percent}`);
  const network = rat && rat.model !== p.model ? `, RAT on ${rat.model}` : '';
  return html`<tr><th scope="row" class="text">${p.method}</th><td class="text">${p.row}</td><td class="text">${p.paper}, ${p.table}</td><td class="text">${p.data}, ${p.model}${
    p.setting && html`<br>${p.setting}`
  }</td><td>${epsilonText(p.epsilon)}</td><td>${p.natural ?? ''}</td><td class="text">${robust.join(', ')}</td><td class="text">${timeText(p)}</td><td>${p.backwardsPerBatch ?? ''}</td><td class="text">${saving !== undefined && `${savingText(saving)}${network}`}</td></tr>
`;
}

function publishedSection({ rows }: MethodsRecord): Markup {
  const measured = new Set<string>(rows.map((row) => row.method));
  const there = published.filter((p) => measured.has(p.method));
  const papers = new Set(there.map((p) => p.paper));
  const heads = [
    'method',
    'row',
    'where',
    'data, network',
    'ε',
    'natural',
    'robust',
    'time',
    '#BP',
    'saving',
  ];
  return html`<section aria-labelledby="published"><h2 id="published">As published</h2>
<p>What the papers print for these methods, in per cent and their own units, on their own hardware. The table above shows, per method, MNIST before
CIFAR-10; under attack PGD-100 where there is one. A saving is computed from the times of one paper, against its own RAT.</p>
<ul>${[...papers].map((name) => html`<li><em>${name}</em>: ${PAPERS[name]}</li>`)}</ul>
<details><summary>${there.length} rows</summary><div class="scroll"><table class="numbers published"><thead><tr>${heads.map(
    (head) => html`<th scope="col" class="text">${head}</th>`,
  )}</tr></thead><tbody>${there.map(publishedRow)}</tbody></table></div></details></section>`;
}

/** @returns one HTML file: no network, no JavaScript */
export function renderMethods(record: MethodsRecord): string {
  const { training: t, attacks: a } = record;
  return renderPage({
    title: `Training methods on ${t.data.name}`,
    kicker: 'Training methods',
    heading: `What robustness costs on ${t.data.name}`,
    subject: html`${record.methods.length} methods, ${epochsText(t.epochs)} each; L∞, <span class="whole">ε = ${epsilonText(a.epsilon)}</span>; <span class="whole">${record.date.slice(0, 10)}</span>`,
    sections: [
      html`<p class="lead">${lead(record)}</p>`,
      tableSection(record),
      conditionsSection(record),
      publishedSection(record),
    ],
    styles,
  });
}
