/** The HTML report: one file, no network, no JavaScript. */
import { epsilonText, fileName, integer, normText } from './format.ts';
import { html } from './markup.ts';
import { renderPage } from './page.ts';
import type { Result } from './schema.ts';
import { attacksSection } from './sections/attacks.ts';
import { checksSection } from './sections/checks.ts';
import { curveSection } from './sections/curve.ts';
import { examplesSection, type ReportExample } from './sections/examples.ts';
import { headlineSection } from './sections/headline.ts';
import { perClassSection } from './sections/per-class.ts';
import { provenanceSection, rawSection } from './sections/provenance.ts';
import { trainingSection } from './sections/training.ts';

/** What the page shows besides the result. */
export interface ReportExtras {
  /** Images that were broken, the worst first; at most 24 are shown. */
  readonly examples: readonly ReportExample[];
  /** Names by label. */
  readonly classNames?: readonly string[];
  /** Put before a check's `section` to make it a link: `https://…/`, `./` or `../`. @default no links */
  readonly docsBase?: string;
}

/**
 * Renders a result as one self-contained HTML file.
 *
 * All text of the result is escaped: model and data files may carry hostile names.
 *
 * @throws TouchstoneError `E_SHAPE` when an example's pixels do not fit its shape.
 */
export function renderReport(result: Result, extras: ReportExtras): string {
  const { threat, data, model } = result;
  const name = fileName(model.path);
  return renderPage({
    title: `${name}: robustness on ${data.name}`,
    kicker: 'Robustness audit',
    heading: name,
    subject: html`${data.name}, ${data.split}, ${integer(result.robust.n)} images attacked; ${normText(threat.norm)}, <span class="whole">ε = ${epsilonText(threat.epsilon)}</span>; <span class="whole">${result.createdAt.slice(0, 10)}</span>`,
    sections: [
      headlineSection(result),
      curveSection(result),
      attacksSection(result),
      checksSection(result, extras.docsBase),
      examplesSection(extras.examples, extras.classNames),
      perClassSection(result, extras.classNames),
      result.training && trainingSection(result.training),
      provenanceSection(result),
      rawSection(result, 'result.json'),
    ],
  });
}
