import { integer, percentNumber, secondsNumber, valueText, words } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { AttackResult, Result } from '../schema.ts';
import { badge } from './badge.ts';

/** A number of the table; `data-label` names its column where the table is stacked, on a phone. */
const cell = (label: string, value: string): Markup =>
  html`<td role="cell" data-label="${label}">${value}</td>`;

const accuracyCell = (accuracy: number): Markup =>
  html`<td role="cell" data-label="correct, %" class="accuracy">${percentNumber(accuracy)}<span class="bar" aria-hidden="true"><span style="width:${(accuracy * 100).toFixed(1)}%"></span></span></td>`;

function attackRow(attack: AttackResult): Markup {
  const parameters = Object.entries(attack.parameters)
    .map(([name, value]) => `${words(name)} ${valueText(value)}`)
    .join(' · ');
  return html`<tr role="row"><th role="rowheader" scope="row">${attack.name}${
    attack.error !== undefined &&
    html` ${badge('fail')} <span class="note">did not finish: ${attack.error}</span>`
  }${parameters !== '' && html`<span class="note">${parameters}</span>`}</th>${accuracyCell(attack.robustAccuracy)}${cell('broken', integer(attack.broken))}${cell(
    'forwards',
    integer(attack.forwards),
  )}${cell('backwards', integer(attack.backwards))}${cell('seconds', secondsNumber(attack.seconds))}</tr>
`;
}

/** Every attack with its outcome and its cost, and the worst case over all of them. */
export function attacksSection(result: Result): Markup {
  const { attacks, clean, robust } = result;
  const sum = (of: (attack: AttackResult) => number): number =>
    attacks.reduce((total, a) => total + of(a), 0);
  const roles = ['correct, %', 'broken', 'forwards', 'backwards', 'seconds'];
  return html`<section aria-labelledby="attacks"><h2 id="attacks">Attacks and their cost</h2>
<table class="stack" role="table"><caption>Each attack on the same ${integer(robust.n)} images, on its own. Forwards and backwards count
images passed through the network; images misclassified without an attack count as broken.</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">attack</th>${roles.map(
    (name) => html`<th role="columnheader" scope="col">${name}</th>`,
  )}</tr></thead>
<tbody role="rowgroup"><tr role="row"><th role="rowheader" scope="row">none<span class="note">clean, ${integer(clean.n)} images</span></th>${accuracyCell(
    clean.accuracy,
  )}${cell('misclassified', integer(clean.n - clean.correct))}${cell('', '')}${cell('', '')}${cell('', '')}</tr>
${attacks.map(attackRow)}</tbody>
<tfoot role="rowgroup"><tr role="row"><th role="rowheader" scope="row">worst case<span class="note">correct under every attack, image by image</span></th>${accuracyCell(
    result.robustAccuracy,
  )}${cell('broken', integer(robust.n - robust.correct))}${cell('forwards', integer(sum((a) => a.forwards)))}${cell(
    'backwards',
    integer(sum((a) => a.backwards)),
  )}${cell('seconds', secondsNumber(sum((a) => a.seconds)))}</tr></tfoot></table></section>`;
}
