/** `bench phases` as one self-contained page, in the report's style. */
import { html, type Markup } from '../../src/report/markup.ts';
import { renderPage } from '../../src/report/page.ts';
import { savingText } from '../methods/table.ts';
import { conditions, drawnTable, factList, machineFacts, SCROLL_STYLES, toolFact } from '../page.ts';
import type { PhasesRecord } from './record.ts';
import {
  explanation,
  PHASES_HEADER,
  PROJECTIONS_HEADER,
  phaseCells,
  projectionCells,
  TABLE3_HEADER,
  table3Cells,
} from './table.ts';
import { COLUMNS, table3 } from './table3.ts';

const styles = `
main { max-width: 78rem; }
${SCROLL_STYLES}
.phases { font-size: 0.82rem; } .phases th, .phases td { padding-left: 0.75rem; }
.phases th, .phases td { white-space: nowrap; overflow-wrap: normal; }
.phases .opens > * { border-top: 2px solid var(--rule); }
.phases [colspan] { text-align: center; border-bottom-color: var(--rule); }
.phases .paper th, .phases .paper td { color: var(--muted); }
.phases td.long { white-space: normal; min-width: 9rem; }
`;

/** The paper's two algorithms above their lines. */
function algorithms(): Markup {
  const names = [...new Set(COLUMNS.map((c) => c.algorithm))];
  const heads = names.map(
    (name) =>
      html`<th scope="colgroup" colspan="${COLUMNS.filter((c) => c.algorithm === name).length}">${name}</th>`,
  );
  return html`<tr><td colspan="3"></td>${heads}<td></td></tr>`;
}

function table3Section(record: PhasesRecord): Markup | null {
  const lines = table3(record);
  if (lines.length === 0) return null;
  const rows = lines.map(table3Cells);
  return html`<section aria-labelledby="table-3"><h2 id="table-3">GAAT, table 3: milliseconds of making adversarial examples</h2>
${drawnTable({
  name: 'phases',
  header: TABLE3_HEADER,
  rows,
  text: [0, 1],
  above: algorithms(),
  kind: ([, by]) => (by === 'paper' ? 'paper' : ''),
})}
${explanation(record).map((sentence) => html`<p class="note">${sentence}</p>`)}</section>`;
}

function projectionsSection({ projections }: PhasesRecord): Markup | null {
  if (projections.length === 0) return null;
  return html`<section aria-labelledby="projections"><h2 id="projections">Whole runs, projected</h2>
<p>No such run was made on this machine: phases × counts × mini-batches.</p>
${drawnTable({ name: 'phases', header: PROJECTIONS_HEADER, rows: projections.map(projectionCells), text: [0, 1, 2] })}</section>`;
}

const phasesSection = ({ rows }: PhasesRecord): Markup =>
  html`<section aria-labelledby="phases"><h2 id="phases">Phases</h2>
${drawnTable({ name: 'phases', header: PHASES_HEADER, rows: rows.map(phaseCells), text: [0, 1, 2, 3, 11], long: [1, 2, 11] })}</section>`;

function conditionsSection(record: PhasesRecord): Markup {
  const { versions, gpus, threads, rounds, seconds, leftOut, failures } = record;
  const facts = factList([
    ...machineFacts(record),
    ...gpus.map((gpu) => ['GPU', gpu] as const),
    ['threads', String(threads)],
    ['rounds', `${rounds}, three at least; no further one after ${seconds} s of a network on an engine`],
    ...Object.entries(versions),
    toolFact(record),
    ...leftOut.map(({ engine, why }) => [`${engine} left out`, why] as const),
    ...failures.map((f) => [`failed: ${f.model}, ${f.engine}`, `${f.work ?? 'all'}: ${f.why}`] as const),
  ]);
  return conditions(facts);
}

/** What a reader wants to know first: GAAT's saving, as far as phases tell. */
function lead({ projections }: PhasesRecord): string {
  const gaat = projections.filter((p) => p.method === 'gaat' && p.saving !== null);
  if (gaat.length === 0) return 'What each phase of training costs, in milliseconds of a mini-batch.';
  const said = (engine: string) => {
    const own = gaat.filter((p) => p.engine === engine).map((p) => `${p.model} ${savingText(p.saving!)}`);
    return `with ${engine} ${own.join(', ')}`;
  };
  const engines = [...new Set(gaat.map((p) => p.engine))];
  return `What GAAT would save of RAT’s time, projected from phases: ${engines.map(said).join('; ')}.`;
}

/** @returns one HTML file: no network, no JavaScript */
export function renderPhases(record: PhasesRecord): string {
  const models = new Set(record.rows.map((r) => r.model));
  return renderPage({
    title: 'Phases of training',
    kicker: 'Phases of training',
    heading: 'What each phase of training costs',
    subject: html`${models.size} networks, T = ${record.steps}; <span class="whole">${record.date.slice(0, 10)}</span>${
      record.state !== 'whole' && html`; interrupted, what there was by then`
    }`,
    sections: [
      html`<p class="lead">${lead(record)}</p>`,
      table3Section(record),
      projectionsSection(record),
      phasesSection(record),
      conditionsSection(record),
    ],
    styles,
  });
}
