/** The verdict of an audit, in the result and in its views. */
import { describe, expect, it } from 'vitest';
import { auditTable, buildHeadline, parseResult, type Result, renderReport } from '../../src/report/index.ts';
import { fixtureResult } from '../fixtures/result.ts';

type Verdict = NonNullable<Result['verdict']>;
const given = (verdict: Partial<Verdict> = {}): Result =>
  fixtureResult({ verdict: { belief: 'believable', reasons: [], next: [], ...verdict } });

const reasons = ['Square broke <b>40</b> more.', 'Steps still pay.', 'Round may mask.'];
const next = ['run square', 'run apgd-t', 'run <i>more</i>', 'run on'];

describe('a verdict', () => {
  it('is part of a result, and may be missing from an older one', () => {
    expect(parseResult(given({ belief: 'doubtful', reasons, next })).verdict).toEqual({
      belief: 'doubtful',
      reasons,
      next,
    });
    expect(parseResult(fixtureResult()).verdict).toBeUndefined();
    expect(() => parseResult({ ...given(), verdict: { belief: 'so so', reasons: [], next: [] } })).toThrow(
      /verdict/,
    );
  });

  it.each([
    ['believable', 'pass', /^Believable\. The verifier confirmed all 431 adversarial examples\. Nothing/],
    ['doubtful', 'warn', /^Doubtful\. Square broke .* Steps still pay\. And 1 more\.$/],
    ['not believable', 'fail', /^Do not rely on this number: square broke/],
  ] as const)('%s is the headline’s word, whatever the checks are', (belief, trust, sentence) => {
    const headline = buildHeadline(given({ belief, reasons: belief === 'believable' ? [] : reasons, next }));
    expect(headline).toMatchObject({ trust, next });
    expect(headline.trustSentence).toMatch(sentence);
  });

  it('mentions what is worth knowing of a number that can be believed', () => {
    const { trust, trustSentence } = buildHeadline(given({ reasons: ['Round may mask.'] }));
    expect(trust).toBe('pass');
    expect(trustSentence).toContain('Worth knowing: Round may mask.');
  });

  it('stands in the terminal with what to do next, three things at most', () => {
    const text = auditTable(given({ belief: 'doubtful', reasons, next }), { width: 100 });
    expect(text).toContain('Doubtful. Square broke');
    expect(text.match(/^next: /gm)).toHaveLength(3);
    for (const line of auditTable(given({ belief: 'doubtful', reasons, next }), { width: 40 }).split('\n'))
      expect(line.length).toBeLessThanOrEqual(40);
  });

  it('stands on the page, escaped', () => {
    const page = renderReport(given({ belief: 'not believable', reasons, next }), { examples: [] });
    expect(page).toContain('Do not rely on this number: square broke &lt;b&gt;40');
    expect(page).toContain('Next: run square; run apgd-t; run &lt;i&gt;more&lt;/i&gt;; run on.');
    expect(renderReport(given(), { examples: [] })).not.toContain('Next:');
  });
});
