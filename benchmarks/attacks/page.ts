/** `bench attacks` as one self-contained page, in the report's style. */
import { epsilonText, fileName } from '../../src/report/format.ts';
import { html, type Markup } from '../../src/report/markup.ts';
import { renderPage } from '../../src/report/page.ts';
import { conditions, drawnTable, factList, machineFacts, SCROLL_STYLES, toolFact } from '../page.ts';
import { curveFigures } from './figure.ts';
import type { AttacksRecord } from './record.ts';
import { CURVE_HEADER, curveCells, explanation, HEADER, remarks, rowCells } from './table.ts';

const styles = `
main { max-width: 70rem; }
${SCROLL_STYLES}
.attacks { font-size: 0.84rem; } .attacks th, .attacks td { padding-left: 0.75rem; }
.attacks .opens th, .attacks .opens td { border-top: 2px solid var(--muted); }
.attacks th, .attacks td.text { white-space: nowrap; }
.note { max-width: 60rem; margin-bottom: 0.4rem; }
`;

function rowsSection(record: AttacksRecord): Markup {
  return html`<section aria-labelledby="attacks"><h2 id="attacks">Attack by attack</h2>
${drawnTable({ name: 'attacks', header: HEADER, rows: record.rows.map(rowCells), text: [1, 10] })}
${[...remarks(record), ...explanation(record)].map((sentence) => html`<p class="note">${sentence}</p>`)}</section>`;
}

function curveSection(record: AttacksRecord): Markup | null {
  const figures = curveFigures(record);
  if (!figures) return null;
  return html`<section aria-labelledby="curve"><h2 id="curve">Robust accuracy against backward passes</h2>
${figures}
<details><summary>The figures’ numbers</summary>${drawnTable({ name: 'attacks', header: CURVE_HEADER, rows: record.curve.map(curveCells), text: [1] })}</details></section>`;
}

const conditionsSection = (record: AttacksRecord): Markup => {
  const { versions, threads, model, data, rounds } = record;
  const facts = factList([
    ...machineFacts(record),
    ['threads', String(threads)],
    ['rounds', String(rounds)],
    ['model', `${model.path}, SHA-256 ${model.sha256}`],
    ['data', `${data.name}, SHA-256 ${data.sha256}`],
    ...Object.entries(versions),
    toolFact(record),
  ]);
  return conditions(facts);
};

/** How many comparisons went which way. */
export function lead({ rows }: Pick<AttacksRecord, 'rows'>): string {
  const compared = rows.filter((r) => r.state === 'measured' && r.tool !== 'touchstone' && r.overOurs);
  const called = compared.flatMap((r) => (r.state === 'measured' && r.faster ? [r.faster] : []));
  if (compared.length === 0) return 'What attacks cost and find here.';
  if (compared.every((r) => r.state === 'measured' && !r.overOurs?.interval))
    return 'So few rounds do not say who is faster.';
  const ours = called.filter((name) => name === 'touchstone').length;
  const open = compared.length - called.length;
  return `In ${ours} of ${compared.length} comparisons ours is the faster attack, in ${called.length - ours} the other one; of ${open} the rounds do not say.`;
}

/** @returns one HTML file: no network, no JavaScript */
export function renderAttacks(record: AttacksRecord): string {
  const { model, data, epsilon, state, date } = record;
  return renderPage({
    title: 'Attacks side by side',
    kicker: 'Attacks side by side',
    heading: 'What attacks cost, and what they find',
    subject: html`${fileName(model.path)}, ${data.attacked} images of ${data.name}, ε = ${epsilonText(epsilon.linf)}; <span class="whole">${date.slice(0, 10)}</span>${
      state !== 'whole' && html`; interrupted, what there was by then`
    }`,
    sections: [
      html`<p class="lead">${lead(record)}</p>`,
      rowsSection(record),
      curveSection(record),
      conditionsSection(record),
    ],
    styles,
  });
}
