import { trainingFigures } from '../figures/training-curves.ts';
import {
  integer,
  numberText,
  percentNumber,
  secondsNumber,
  secondsText,
  valueText,
  words,
} from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { EpochRecord, TrainingRecord } from '../schema.ts';

/** From this many epochs on, the table is folded. */
const FOLD = 15;

const number = (fraction: number | null): string => (fraction === null ? '–' : percentNumber(fraction));

function epochRow(epoch: EpochRecord): Markup {
  return html`<tr><th scope="row">${epoch.epoch}</th><td>${epoch.loss === null ? 'not finite' : epoch.loss.toFixed(3)}</td><td>${number(
    epoch.trainAccuracy,
  )}</td><td>${number(epoch.validationAccuracy)}</td><td>${number(epoch.validationRobustAccuracy)}</td><td>${epoch.backwardsPerBatch.toFixed(
    1,
  )}</td><td class="extra">${integer(epoch.forwards)}</td><td class="extra">${integer(epoch.backwards)}</td><td class="extra">${numberText(
    epoch.learningRate,
  )}</td><td class="extra">${secondsNumber(epoch.seconds)}</td></tr>
`;
}

/** How the model was trained and what that cost: curves, totals, one line per epoch, the recipe. */
export function trainingSection(training: TrainingRecord): Markup {
  const { epochs, method, recipe } = training;
  const sum = (of: (epoch: EpochRecord) => number): number => epochs.reduce((total, e) => total + of(e), 0);
  const backwards = sum((e) => e.backwards);
  // Mini-batches are not in the record; their number follows from an epoch's passes and #BP, in images.
  const images = sum((e) => (e.backwardsPerBatch > 0 ? e.backwards / e.backwardsPerBatch : 0));
  const perBatch = images > 0 ? backwards / images : 0;
  const table = html`<table class="numbers epochs"><caption>Epoch by epoch. #BP: backward passes per mini-batch, counted.
Forwards and backwards count images.</caption><thead><tr><th scope="col">epoch</th><th scope="col">loss</th><th scope="col">train, %</th><th scope="col">clean, %</th><th scope="col">PGD, %</th><th scope="col">#BP</th><th scope="col" class="extra">forwards</th><th scope="col" class="extra">backwards</th><th scope="col" class="extra">rate</th><th scope="col" class="extra">seconds</th></tr></thead>
<tbody>${epochs.map(epochRow)}</tbody></table>`;
  return html`<section aria-labelledby="training"><h2 id="training">Training</h2>
<p>Trained here with <em>${method}</em>: ${integer(epochs.length)} epoch${epochs.length === 1 ? '' : 's'} in ${secondsText(
    sum((e) => e.seconds),
  )}, ${integer(backwards)} backward passes, #BP ${perBatch.toFixed(1)} per mini-batch.</p>
${trainingFigures(training)}
${epochs.length >= FOLD ? html`<details><summary>Epoch by epoch</summary>${table}</details>` : epochs.length > 0 && table}
<dl class="facts">${Object.entries(recipe).map(
    ([name, value]) => html`<div><dt>${words(name)}</dt><dd>${valueText(value)}</dd></div>`,
  )}</dl></section>`;
}
