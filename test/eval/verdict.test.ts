import { describe, expect, it } from 'vitest';
import { type Belief, judge, type NamedFinding, type Verdict } from '../../src/eval/index.ts';
import type { AttackRun, Grounds } from '../../src/eval/verdict.ts';

const finding = (id: string, verdict: Verdict, message = `${id} says ${verdict}.`): NamedFinding => ({
  id,
  title: id,
  verdict,
  figures: {},
  message,
});
const run = (attack: string, over: Partial<AttackRun> = {}) =>
  ({ attack, parameters: {}, ...over }) as AttackRun;

const pgd = run('pgd', { parameters: { steps: 40, stepSize: 0.01 } });
const apgdT = run('apgd-t', { parameters: { steps: 100 } });
const square = run('square', { parameters: { queries: 5000 } });
const passing = ['black-box-finds-more', 'square-after-apgd', 'converged'].map((id) => finding(id, 'pass'));

const fine: Grounds = {
  findings: passing,
  verification: { checked: 100, rejected: 0, batchSizeOneMismatches: 0 },
  attacks: [pgd, apgdT, square],
  epsilon: 0.1,
};
/** The fine audit with another finding, in the place of a pass of the same check. */
const found = (...others: NamedFinding[]): Partial<Grounds> => ({
  findings: [...passing.filter((p) => !others.some((o) => o.id === p.id)), ...others],
});
const verified = (over: Partial<Grounds['verification']>) => ({
  verification: { ...fine.verification, ...over },
});

const cases: readonly [Belief, string, Partial<Grounds>, RegExp | undefined][] = [
  ['believable', 'nothing is wrong', {}, undefined],
  ['not believable', 'an example was rejected', verified({ rejected: 1 }), /rejected 1 of 100/],
  [
    'not believable',
    'an example is none by itself',
    verified({ batchSizeOneMismatches: 2 }),
    /2 adversarial/,
  ],
  [
    'not believable',
    'an attack crashed',
    { attacks: [pgd, apgdT, run('square', { error: 'no memory' })] },
    /square did not finish/,
  ],
  ['not believable', 'no attack ran', { attacks: [] }, /No attack/],
  [
    'not believable',
    'a check failed',
    found(finding('batch-composition', 'fail')),
    /batch-composition says fail/,
  ],
  [
    'not believable',
    'a check that this table does not know failed',
    found(finding('new', 'fail')),
    /new says fail/,
  ],
  ['doubtful', 'a check warns', found(finding('converged', 'warn')), /converged says warn/],
  ['believable', 'an operator may mask gradients', found(finding('graph-risks', 'warn')), /graph-risks/],
  ['doubtful', 'no checks ran', { findings: [] }, /No check/],

  ['doubtful', 'only FGSM follows gradients', { attacks: [run('fgsm'), square] }, /many steps/],
  [
    'doubtful',
    'PGD has five steps',
    { attacks: [run('pgd-margin', { parameters: { steps: 5, stepSize: 0.1 } }), square] },
    /20 steps/,
  ],
  [
    'doubtful',
    'PGD’s steps do not cross the ball',
    { attacks: [run('pgd-margin', { parameters: { steps: 40, stepSize: 0.001 } }), square] },
    /20 steps/,
  ],
  [
    'doubtful',
    'all losses saturate',
    { attacks: [pgd, run('apgd-ce', { parameters: { steps: 100 } })] },
    /cross-entropy/,
  ],
  ['doubtful', 'all attacks follow gradients', { attacks: [pgd, apgdT] }, /without gradients/],
  [
    'doubtful',
    'Square may ask ten times',
    { attacks: [apgdT, run('square', { parameters: { queries: 10 } })] },
    /without gradients/,
  ],
  ['believable', 'APGD-T and Square are all there is', { attacks: [apgdT, square] }, undefined],

  [
    'doubtful',
    'a saturated softmax stands before APGD-T',
    found(finding('saturated-softmax', 'fail')),
    /on the margin/,
  ],
  [
    'not believable',
    'it stands before PGD alone',
    { ...found(finding('saturated-softmax', 'fail')), attacks: [pgd, square] },
    /saturated/,
  ],
  ['believable', 'it warns before APGD-T', found(finding('saturated-softmax', 'warn')), /saturated/],
  [
    'doubtful',
    'a random model was attacked on the mean',
    {
      ...found(finding('stable-predictions', 'fail')),
      attacks: [run('apgd-t', { parameters: { steps: 100 }, eot: 20 }), square],
    },
    /averaged/,
  ],
  ['not believable', 'it was not', found(finding('stable-predictions', 'fail')), /stable/],
  ['doubtful', 'PGD is weak, APGD-T is not', found(finding('one-step-beats-many', 'fail')), /agree/],
  [
    'not believable',
    'Square shows that APGD-T is, too',
    found(finding('one-step-beats-many', 'fail'), finding('square-after-apgd', 'warn')),
    /one-step/,
  ],
  [
    'believable',
    'FGSM is misled, and nobody else',
    found(finding('one-step-misled', 'fail')),
    /many steps were run/,
  ],
  [
    'not believable',
    'FGSM is misled, and all there is',
    { ...found(finding('one-step-misled', 'fail')), attacks: [run('fgsm')] },
    /misled/,
  ],
  [
    'doubtful',
    'a quantiser is passed straight through, and Square agrees',
    found(finding('finite-differences', 'fail', 'Passed straight through Round.')),
    /Square, which needs no gradient/,
  ],
  [
    'not believable',
    'gradients are false for no reason that is known',
    found(finding('finite-differences', 'fail')),
    /finite/,
  ],
];

describe('judge', () => {
  it.each(cases)('%s: %s', (belief, _, over, reason) => {
    const judgement = judge({ ...fine, ...over });
    expect(judgement.belief).toBe(belief);
    if (reason) expect(judgement.reasons[0]).toMatch(reason);
    else expect(judgement).toEqual({ belief, reasons: [], next: [] });
    expect(judgement.next.length > 0).toBe(judgement.reasons.length > 0);
    for (const text of judgement.reasons) expect(text).toMatch(/^\S.*\.$/);
  });

  it('puts the weightiest reason first, and says what to do once', () => {
    const { reasons, next } = judge({
      ...fine,
      ...verified({ rejected: 3 }),
      ...found(
        finding('converged', 'warn'),
        finding('unbounded-succeeds', 'fail'),
        finding('batch-composition', 'fail'),
      ),
      attacks: [pgd],
    });
    expect(reasons.map((r) => r.split(' ').slice(0, 2).join(' '))).toEqual([
      'The verifier',
      'batch-composition says',
      'unbounded-succeeds says',
      'Every attack',
      'No attack',
      'converged says',
    ]);
    expect(new Set(next).size).toBe(next.length);
    expect(next).toContain('run square');
  });
});
