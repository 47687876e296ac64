import { epsilonText, integer, normText, percentNumber, percentRange } from '../format.ts';
import { buildHeadline, countVerdicts } from '../headline.ts';
import { html, type Markup } from '../markup.ts';
import type { Result, Verdict } from '../schema.ts';
import { badge } from './badge.ts';

/** Title, one sentence, the big numbers, and whether they can be trusted. */
export function headlineSection(result: Result): Markup {
  const headline = buildHeadline(result);
  const { clean, robust, confidence, verifier, threat } = result;
  const counts = countVerdicts(result);
  const checks = (['pass', 'warn', 'fail'] as const)
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => `${counts[verdict]} ${verdict}`)
    .join(', ');
  const verdict: Verdict =
    headline.verifier === 'confirmed' ? 'pass' : headline.verifier === 'rejected' ? 'fail' : 'warn';
  return html`<section id="headline" aria-label="Result">
<p class="lead">${headline.sentence}</p>
<dl class="figures">
<div><dt>Clean accuracy</dt><dd class="big">${percentNumber(clean.accuracy)}<small> %</small></dd>
<dd>${integer(clean.correct)} of ${integer(clean.n)} images<br>95 % interval <span class="whole">${percentRange(confidence.clean)}</span></dd></div>
<div class="${headline.trust === 'fail' ? 'robust fail' : 'robust'}"><dt>Robust accuracy, <span class="whole">${normText(threat.norm)} ε = ${epsilonText(threat.epsilon)}</span></dt><dd class="big">${percentNumber(result.robustAccuracy)}<small> %</small></dd>
<dd>${integer(robust.correct)} of ${integer(robust.n)} images<br>95 % interval <span class="whole">${percentRange(confidence.robust)}</span></dd></div>
<div><dt>Verifier</dt><dd class="big word ${verdict}">${headline.verifier}</dd>
<dd>${integer(verifier.checked)} adversarial examples checked again, ${integer(verifier.rejected)} rejected<br>checks: ${checks || 'none run'}</dd></div>
</dl>
<p class="trust ${headline.trust}">${badge(headline.trust)} ${headline.trustSentence}</p>
${headline.next.length > 0 && html`<p class="note">Next: ${headline.next.join('; ')}.</p>`}
</section>`;
}
