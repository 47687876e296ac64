import { numberText, percentRange, secondsText, valueText, words } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { CheckResult, Result } from '../schema.ts';
import { badge } from './badge.ts';

/** A link to a check's section, when it can lead anywhere from a file on someone's disk; its name otherwise. */
function sectionLink(section: string, base: string | undefined): Markup {
  const href = /^https:\/\//.test(section) ? section : base === undefined ? undefined : `${base}${section}`;
  return href !== undefined && /^(https:\/\/|\.{0,2}\/)/.test(href)
    ? html`<a href="${href}">${section}</a>`
    : html`<code>${section}</code>`;
}

export function checkItem(check: CheckResult, base: string | undefined): Markup {
  const figures = Object.entries(check.figures);
  return html`<li class="${check.verdict}"><div class="verdict">${badge(check.verdict)}</div><div><h3>${check.title}</h3>
<p>${check.message}</p>
<p class="note">${figures.map(
    ([name, value]) => html`<span class="pairs">${words(name)} <b>${valueText(value)}</b></span> `,
  )}<span class="pairs">${sectionLink(check.section, base)}</span></p></div></li>
`;
}

/** Those that did not pass first. */
export const order = { fail: 0, warn: 1, pass: 2 } as const;

/** The gradient-masking checks, those that did not pass first, and the verifier. */
export function checksSection(result: Result, base: string | undefined): Markup {
  const { verifier, checks, confidence } = result;
  const sorted = [...checks].sort((a, b) => order[a.verdict] - order[b.verdict]);
  const distance =
    verifier.maxDistance === null
      ? 'no distance was measured'
      : `the largest distance found was ${Number(verifier.maxDistance.toPrecision(9))}`;
  const reasons = Object.entries(verifier.reasons ?? {}).filter(([, count]) => count > 0);
  return html`<section aria-labelledby="checks"><h2 id="checks">Can the number be trusted?</h2>
<p>Separate code re-checked ${verifier.checked} adversarial examples on a fresh session and rejected ${verifier.rejected}${
    reasons.length > 0 && ` (${reasons.map(([reason, count]) => `${words(reason)}: ${count}`).join(', ')})`
  }: ${distance}${verifier.tolerance !== undefined && ` (tolerance ${numberText(verifier.tolerance)})`}, and ${
    verifier.batchSizeOneMismatches
  } were predicted otherwise at batch size 1${verifier.seconds !== undefined && ` (${secondsText(verifier.seconds)})`}. With
this many images, chance alone leaves robust accuracy between ${percentRange(confidence.robust)} (Wilson, 95\u00a0%).</p>
${
  checks.length === 0
    ? html`<p class="trust warn">No check for gradient masking was run.</p>`
    : html`<ul class="checks">${sorted.map((check) => checkItem(check, base))}</ul>`
}</section>`;
}
