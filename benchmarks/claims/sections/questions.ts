/** What a reader asks first: is GAAT that much cheaper, at what accuracy, and why? */
import { html, type Markup } from '../../../src/report/markup.ts';
import type { Judged, JudgedTable } from '../judged.ts';
import { batchesOf, oursOf } from '../ours.ts';
import type { ClaimsReport } from '../report.ts';
import { claimText, hereText, percentText, ratioText } from '../text.ts';

/** A row of GAAT's table 2, by its headings. */
const find = (
  tables: readonly JudgedTable[],
  table: string,
  row: readonly string[],
  column: string,
): Judged =>
  tables
    .flatMap((t) => t.claims)
    .find(
      ({ claim }) =>
        claim.paper === 'gaat' &&
        claim.table === table &&
        `${claim.row}` === `${row}` &&
        claim.column === column,
    )!;

const commandsOf = ({ commands }: Judged): Markup | null =>
  commands && html`${commands.map((line) => html`<code class="command">${line}</code>`)}`;

function savingAnswer(tables: readonly JudgedTable[]): Markup {
  const vgg = find(tables, 'table 2', ['CIFAR-10', 'VGGNet-16', 'GAAT'], 'Time saved');
  const here =
    vgg.measured === null
      ? html`No record here times VGG-16 yet. This makes one: ${commandsOf(vgg)}`
      : html`Here, ${vgg.isProjected ? 'projected from the times of its phases' : 'measured'}: it ${ratioText(vgg.measured)} (${vgg.evidence!.about}; ${vgg.evidence!.machine}).`;
  const near =
    vgg.elsewhere && html` Elsewhere it was measured: it ${vgg.elsewhere.value} (${vgg.elsewhere.about}).`;
  return html`<p>The paper’s minutes say so: GAAT ${ratioText(vgg.claimed)} of RAT’s time. Counted passes say that it ${ratioText(vgg.predicted!)}: the claim is
less than what its own algorithm allows. ${here}${near}</p>
${otherNetworks(tables)}`;
}

const NETWORKS: readonly (readonly [data: string, model: string])[] = [
  ['CIFAR-10', 'VGGNet-16'],
  ['CIFAR-10', 'ResNet-18'],
  ['CIFAR-10', 'ResNet-50'],
  ['CIFAR-10', 'WideResNet-28x4'],
  ['MNIST', 'Convolutional ReLU'],
];

function otherNetworks(tables: readonly JudgedTable[]): Markup {
  const rows = NETWORKS.map(([data, model]) => {
    const saved = find(tables, 'table 2', [data, model, 'GAAT'], 'Time saved');
    return html`<tr><th scope="row" class="text">${model}, ${data}</th><td>${ratioText(saved.claimed)}</td><td>${ratioText(saved.predicted!)}</td><td>${hereText(saved) || '–'}</td><td class="text">${saved.verdict}</td></tr>
`;
  });
  return html`<div class="scroll"><table class="numbers claims"><thead><tr><th scope="col" class="text">GAAT against RAT</th><th scope="col">claimed</th><th scope="col">by passes</th><th scope="col">here</th><th scope="col" class="text">verdict</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function accuracyAnswer(tables: readonly JudgedTable[]): Markup {
  const rows = (['RAT', 'GAAT'] as const).map((label) => {
    const cells = (['Nat acc', 'Adv acc'] as const).map((column) => {
      const mnist = find(tables, 'table 2', ['MNIST', 'Convolutional ReLU', label], column);
      return html`<td>${percentText(mnist.claimed)}</td><td>${hereText(mnist) || '–'}</td>`;
    });
    return html`<tr><th scope="row" class="text">${label}</th>${cells}</tr>
`;
  });
  const adv = find(tables, 'table 2', ['MNIST', 'Convolutional ReLU', 'GAAT'], 'Adv acc');
  const vgg = (label: string) => find(tables, 'table 2', ['CIFAR-10', 'VGGNet-16', label], 'Adv acc');
  return html`<p>On MNIST, ε = 0.1, where both can be trained here${adv.evidence && html` (GAAT: ${adv.evidence.about}; ${adv.reason})`}:</p>
<div class="scroll"><table class="numbers claims"><thead><tr><th scope="col"></th><th scope="col">natural, claimed</th><th scope="col">here</th><th scope="col">PGD-100, claimed</th><th scope="col">here</th></tr></thead><tbody>${rows}</tbody></table></div>
<p>On CIFAR-10 the paper has VGG-16 at ${claimText(vgg('GAAT').claim)} under PGD with GAAT and at ${claimText(vgg('RAT').claim)} with RAT. ${vgg('GAAT').measured === null ? html`${vgg('GAAT').reason}. With the data: ${commandsOf(vgg('GAAT'))}` : html`Here: ${hereText(vgg('GAAT'))}.`}</p>`;
}

/** What the paper's own tables say that GAAT's adversarial examples cost, in gradient steps. */
function inSteps(
  tables: readonly JudgedTable[],
  model: string,
): readonly [rat: number, gaat: number, steps: number] {
  const cell = (label: string) => find(tables, 'table 2', ['CIFAR-10', model, label], 'Training time').claim;
  const phase = (column: string) => find(tables, 'table 3', [model], column).claim.value;
  const perBatch = (label: string): number => {
    const ours = oursOf(cell(label))!;
    return (cell(label).value * 60_000) / (ours.epochs * batchesOf(ours));
  };
  const update = perBatch('RAT') - phase('Line 5-8');
  return [perBatch('RAT'), perBatch('GAAT'), (perBatch('GAAT') - update) / phase('Line 6-7')];
}

function whyAnswer(tables: readonly JudgedTable[]): Markup {
  const rows = NETWORKS.filter(([data]) => data !== 'MNIST').map(([, model]) => {
    const [rat, gaat, steps] = inSteps(tables, model);
    return html`<tr><th scope="row" class="text">${model}</th><td>${rat.toFixed(0)} ms</td><td>${gaat.toFixed(0)} ms</td><td>${steps.toFixed(1)}</td><td>1</td></tr>
`;
  });
  return html`<p>RAT takes T = 10 gradients per mini-batch, then an update: 11 passes each way. GAAT’s Algorithm 2 takes one gradient, J, and an update: 2. With H = JᵀJ its T steps
are arithmetic on one vector, and go along ±sign J. An update costs more than a gradient step, so less is saved than passes say.</p>
<p>The paper’s own times leave more than that to GAAT: its minutes per mini-batch (table 2), less the update (RAT’s minutes less lines 5-8 of table 3), in units of a
gradient step (lines 6-7), are what its adversarial examples cost it. Its algorithm has one gradient there.</p>
<div class="scroll"><table class="numbers claims"><thead><tr><th scope="col" class="text">from the paper’s figures</th><th scope="col">RAT, mini-batch</th><th scope="col">GAAT, mini-batch</th><th scope="col">GAAT’s examples, in gradient steps</th><th scope="col">in Algorithm 2</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

export const questionsSection = ({ tables }: ClaimsReport): Markup =>
  html`<section aria-labelledby="questions"><h2 id="questions">First questions</h2>
<h3>Is GAAT 46 % cheaper than RAT on VGG-16?</h3>
${savingAnswer(tables)}
<h3>At what accuracy, on the data at hand?</h3>
${accuracyAnswer(tables)}
<h3>Why?</h3>
${whyAnswer(tables)}</section>`;
