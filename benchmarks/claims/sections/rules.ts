/** What the verdicts mean, and what they were given by. */
import { html, type Markup } from '../../../src/report/markup.ts';
import type { ClaimsReport } from '../report.ts';

export const rulesSection = ({ rules, records, passedOver, tool }: ClaimsReport): Markup =>
  html`<section aria-labelledby="rules"><h2 id="rules">What the verdicts mean</h2>
<ul>
<li><strong>Accuracy</strong>: reproduced where it is at most ${rules.accuracyPoints} point (or the paper’s own ±) below the claim, or above it: the same method, network, data and ε, and what the row varies,
under the same attack with at least as many steps. The longest training counts, then the most images. What is claimed to be no better than chance must be within ${rules.accuracyPoints} point.</li>
<li><strong>Time</strong>: never minutes, always the ratio to the row that the paper compares with, both on one machine. A claimed saving is reproduced where at least
${(100 * (1 - rules.savingShare)).toFixed(0)} % of it is there (the reason says where it is more than claimed), another ratio within ${(100 * rules.savingShare).toFixed(0)} %. Measured runs go before projected ones, which are marked.</li>
<li><strong>÷ claimed</strong>: of per cents, or of the two ratios of times.</li>
<li><strong>Not testable here</strong>: no record of the paper’s setting. The nearest other one stands beside it as <em>elsewhere</em>, and decides nothing.</li>
<li>A verdict is about this tool’s runs, with the papers’ settings where they give them; <em>not reproduced</em> does not say that a figure is wrong.</li>
</ul>
<details><summary>${records.length} records read</summary><ul>${records.map((path) => html`<li>${path}</li>`)}${passedOver.map((path) => html`<li>${path} (of a kind that claims do not read)</li>`)}</ul></details>
<p class="note">${tool.name} ${tool.version}${tool.gitCommit && `, commit ${tool.gitCommit}`}</p></section>`;
