/** The claims as one self-contained page. */
import { html, type Markup } from '../../src/report/markup.ts';
import { renderPage } from '../../src/report/page.ts';
import { SCROLL_STYLES } from '../page.ts';
import type { ClaimsReport } from './report.ts';
import { figuresSection } from './sections/figures.ts';
import { lensSection } from './sections/lens.ts';
import { questionsSection } from './sections/questions.ts';
import { rulesSection } from './sections/rules.ts';
import { summarySection } from './sections/summary.ts';
import { tablesSection } from './sections/tables.ts';

const styles = `
main { max-width: 78rem; }
section > p, section > ul { max-width: 62rem; }
${SCROLL_STYLES}
.claims { font-size: 0.84rem; } .claims td.text, .claims th.text { white-space: normal; text-align: left; }
.claims td, .claims th { vertical-align: top; } .claims .note { display: block; max-width: 26rem; }
.claims td.text { min-width: 7rem; } .claims .yes, .claims .no { font-weight: 600; } .claims .yes .note, .claims .no .note { font-weight: 400; }
.claims th.text { overflow-wrap: normal; min-width: 6.5rem; }
@media (max-width: 46rem) {
  .stack.claims td, .stack.claims th { min-width: 0; grid-column: span 2; }
  .stack.claims th:first-child, .stack.claims td.wide { grid-column: 1 / -1; }
  .stack.claims .note { max-width: none; }
}
code.command { display: block; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.4rem 0 0.8rem; font-size: 0.8rem; }
`;

/** In the order in which they are read: one file each in sections/. */
const SECTIONS: readonly ((report: ClaimsReport) => Markup | null)[] = [
  questionsSection,
  summarySection,
  tablesSection,
  lensSection,
  figuresSection,
  rulesSection,
];

/** @returns one HTML file: no network, no JavaScript */
export function renderClaims(report: ClaimsReport): string {
  const claims = report.tables.reduce((sum, t) => sum + t.claims.length, 0);
  const papers = Object.keys(report.papers).length;
  return renderPage({
    title: 'The papers’ claims, put to the test',
    kicker: 'Claims',
    heading: 'The papers’ claims, put to the test',
    subject: html`${claims} numbers of ${report.tables.length} tables of ${papers} papers; <span class="whole">${report.date.slice(0, 10)}</span>`,
    sections: SECTIONS.map((section) => section(report)),
    styles,
  });
}
