/** Whether GAAT's second order does anything, where `bench gaat` looked: which steps it turns, and how far its R is off. */
import { integer } from '../../../src/report/format.ts';
import { html, type Markup } from '../../../src/report/markup.ts';
import { type GaatRecord, lastLooked } from '../../gaat/record.ts';
import { flipCells, residualCells, runCells, twinLines } from '../../gaat/table.ts';
import { epochsText } from '../../methods/record.ts';
import { drawnTable } from '../../page.ts';
import type { Lens } from '../found.ts';
import type { ClaimsReport } from '../report.ts';

/** The longest training, then the most images. */
function bestOf(lenses: readonly Lens[]): Lens | undefined {
  const rank = ({ record: { training: t } }: Lens) => [t.epochs, t.images] as const;
  return [...lenses].sort((a, b) => {
    const [[epochs, images], [otherEpochs, otherImages]] = [rank(a), rank(b)];
    return otherEpochs - epochs || otherImages - images;
  })[0];
}

/** After the last epoch, at the radius of training. */
const atTheEnd = ({ looked, epsilon }: GaatRecord): GaatRecord['looked'] =>
  lastLooked(looked).map((one) => ({ ...one, at: one.at.filter((sight) => sight.epsilon === epsilon) }));

const drawn = ({ header, rows, text }: ReturnType<typeof flipCells>): Markup =>
  drawnTable({ name: 'claims', header, rows, text: Array.from({ length: text }, (_, c) => c) });

function found({ record, origin }: Lens): Markup {
  const seen = { ...record, looked: atTheEnd(record) };
  const { training: t } = record;
  return html`${twinLines(record).map((line) => html`<p>${line}</p>`)}
${drawn(runCells(record))}
<p>Per cent of samples or pixels at the radius of training, after the last epoch, and R(x, δ) where the steps end:</p>
${drawn(flipCells(seen))}
${drawn(residualCells(seen))}
<p class="note">${t.data.name}, ${integer(t.images)} images, ${epochsText(t.epochs)}, one seed; ${origin.machine}; ${origin.record}. What the columns are: docs/benchmarks.md.</p>`;
}

export function lensSection({ lenses }: ClaimsReport): Markup {
  const best = bestOf(lenses);
  const command = 'touchstone bench gaat --epochs 5 --save gaat';
  return html`<section aria-labelledby="lens"><h2 id="lens">What GAAT’s second order does</h2>
${best ? found(best) : html`<p>No record of it yet. This makes one:</p><code class="command">${command}</code>`}</section>`;
}
