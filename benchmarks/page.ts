/** What the benchmarks' pages have in common: wide tables, lists of facts, the machine. */
import { html, type Markup } from '../src/report/markup.ts';
import type { Origin } from './origin.ts';

/** Tables scroll by themselves. */
export const SCROLL_STYLES = '.scroll { overflow-x: auto; margin-bottom: 1.2rem; }';

export interface DrawnTable {
  /** Of the benchmark: the table's class. */
  readonly name: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of text; the first is one in any case. */
  readonly text: readonly number[];
  /** Of these, those with long text. @default none */
  readonly long?: readonly number[];
  /** A row above the header. */
  readonly above?: Markup;
  /** A row's class. */
  readonly kind?: (row: readonly string[]) => string;
}

/** Rows whose first cell differs from the one above are of class `opens`. */
export function drawnTable({ name, header, rows, text, long = [], above, kind }: DrawnTable): Markup {
  const classOf = (c: number) => (long.includes(c) ? 'text long' : c === 0 || text.includes(c) ? 'text' : '');
  const body = rows.map((row, i) => {
    const [first, ...rest] = row;
    const opens = first !== rows[i - 1]?.[0] ? 'opens' : '';
    const cells = rest.map((cell, c) => html`<td class="${classOf(c + 1)}">${cell}</td>`);
    return html`<tr class="${[opens, kind?.(row)].filter(Boolean).join(' ')}"><th scope="row" class="text">${first}</th>${cells}</tr>
`;
  });
  return html`<div class="scroll"><table class="numbers ${name}"><thead>${above}<tr>${header.map(
    (title, c) => html`<th scope="col" class="${classOf(c)}">${title}</th>`,
  )}</tr></thead><tbody>${body}</tbody></table></div>`;
}

export type Fact = readonly [name: string, value: string];

export const factList = (facts: readonly Fact[]): Markup =>
  html`<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

export const machineFacts = ({ machine }: Origin): Fact[] => [
  ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB`],
  ['platform', `${machine.platform}, Node ${machine.node}`],
];

export const toolFact = ({ tool }: Origin): Fact => [
  tool.name,
  `${tool.version}${tool.gitCommit ? `, commit ${tool.gitCommit}` : ''}`,
];

/** Where the page says what was measured where. */
export const conditions = (content: Markup): Markup =>
  html`<section aria-labelledby="conditions"><h2 id="conditions">What was measured where</h2>
${content}</section>`;
