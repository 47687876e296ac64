/** What each check says, and when. */
import { describe, expect, it } from 'vitest';
import type { Evidence, Finding, Verdict } from '../../src/eval/index.ts';
import { resultSchema } from '../../src/report/index.ts';
import { broken, curve, list, moody, run, samples, spoilt } from './evidence.ts';
import { card, fake } from './fakes.ts';

const number = (image: Float32Array, n: number) => Math.round(image[1]! * n);

/** A classifier of one pixel whose claimed slope is the true one times `factor`. */
const steep = (factor: (image: Float32Array) => number) =>
  fake({
    classes: 2,
    logits: (image) => [image[0]! * 3, image[0]! * -3],
    gradient: (_, image) => Array.from(image, (__, i) => (i === 0 ? -6 * factor(image) : 0)),
  });

const cases: readonly [id: string, verdict: Verdict, why: string, over: Partial<Evidence>][] = [
  [
    'noise-finds-more',
    'pass',
    'PGD breaks all that noise does',
    broken({ noise: list(200, 0, 5), pgd: list(200, 0, 9) }),
  ],
  [
    'noise-finds-more',
    'warn',
    '1 of 200 samples falls to noise alone',
    broken({ noise: list(200, 8, 10), pgd: list(200, 0, 9) }),
  ],
  [
    'noise-finds-more',
    'fail',
    '3 of 200 fall to noise alone',
    broken({ noise: list(200, 8, 12), pgd: list(200, 0, 9) }),
  ],
  [
    'noise-finds-more',
    'fail',
    'the same, with the margin PGD for want of the other',
    broken({ noise: list(9, 0, 3), 'pgd-margin': list(9, 3, 4) }),
  ],

  [
    'one-step-beats-many',
    'pass',
    'PGD breaks all that FGSM does',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 0, 90) }),
  ],
  [
    'one-step-beats-many',
    'pass',
    '2 of 200 samples fall to one step alone',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 2, 90) }),
  ],
  [
    'one-step-beats-many',
    'warn',
    '3 of 200 fall to one step alone',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 3, 90) }),
  ],
  [
    'one-step-beats-many',
    'warn',
    'FGSM breaks one more',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 0, 49) }),
  ],
  [
    'one-step-beats-many',
    'fail',
    'FGSM breaks ten more',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 0, 40) }),
  ],

  ['epsilon-monotone', 'pass', 'the curve falls', curve(1, 0.8, 0.3, 0)],
  [
    'epsilon-monotone',
    'pass',
    'the curve rises by less than the starts of PGD explain',
    curve(1, 0.8, 0.804, 0),
  ],
  ['epsilon-monotone', 'warn', 'the curve rises', curve(1, 0.5, 0.52, 0.1)],
  ['epsilon-monotone', 'warn', 'the curve is flat: no attack moves the model', curve(0.9, 0.9, 0.9)],
  ['epsilon-monotone', 'pass', 'there is nothing left to lose', curve(0, 0, 0)],

  ['zero-gradients', 'pass', 'all are there', spoilt(64, 0, 'both', () => 0)],
  ['zero-gradients', 'warn', 'one of 64 is zero even of the margin', spoilt(64, 1, 'both', () => 0)],
  ['zero-gradients', 'fail', 'four of 64 are', spoilt(64, 4, 'both', () => 0)],
  [
    'zero-gradients',
    'warn',
    'the softmax is saturated: the cross-entropy has none, the margin has',
    spoilt(64, 64, 'ce', () => 0),
  ],
  ['zero-gradients', 'pass', 'three of 64 are saturated', spoilt(64, 3, 'ce', () => 0)],
  ['zero-gradients', 'fail', 'one of 64 is NaN', spoilt(64, 1, 'ce', () => Number.NaN)],
  ['zero-gradients', 'fail', 'some are infinite', spoilt(64, 4, 'margin', () => Infinity)],
  [
    'zero-gradients',
    'fail',
    'all are below the normal float32',
    spoilt(64, 64, 'both', (v) => v * 2 ** -140),
  ],

  [
    'stable-predictions',
    'pass',
    'it depends on the image alone',
    { ...samples(200), oracle: moody((image) => (image[1]! > 0.5 ? 1 : 0)) },
  ],
  [
    'stable-predictions',
    'fail',
    'it draws lots',
    { ...samples(200), oracle: moody((image, { call }) => (number(image, 200) + Math.floor(call / 13)) % 2) },
  ],
  [
    'stable-predictions',
    'warn',
    'one of 200 differs alone',
    { ...samples(200), oracle: moody((image, { size }) => (size === 1 && number(image, 200) === 7 ? 1 : 0)) },
  ],
  [
    'stable-predictions',
    'fail',
    'three of 200 differ alone',
    { ...samples(200), oracle: moody((image, { size }) => (size === 1 && number(image, 200) < 3 ? 1 : 0)) },
  ],
  [
    'stable-predictions',
    'fail',
    'it depends on the place in the batch',
    { ...samples(200), oracle: moody((_, { row }) => (row > 2 ? 1 : 0)) },
  ],

  ['finite-differences', 'pass', 'they agree', { ...samples(60), classifier: steep(() => 1) }],
  // Slopes of one half in size: cos = Σ(f·1)/√(Σf²·Σ1); for f = 0 on 1 in 6 samples √(5/6) = 0.913, on 1 in 2 it is 0.71.
  [
    'finite-differences',
    'warn',
    'a sixth of the samples hides its slope',
    { ...samples(60), classifier: steep((i) => (number(i, 60) % 6 === 0 ? 0 : 1)) },
  ],
  [
    'finite-differences',
    'fail',
    'half of them do',
    { ...samples(60), classifier: steep((i) => (number(i, 60) % 2 === 0 ? 0 : 1)) },
  ],
  [
    'finite-differences',
    'fail',
    'the gradient has the wrong sign',
    { ...samples(60), classifier: steep(() => -1) },
  ],
  [
    'finite-differences',
    'fail',
    'it is zero where the loss is not flat',
    { ...samples(60), classifier: steep(() => 0) },
  ],
  ['finite-differences', 'fail', 'it is NaN', { ...samples(60), classifier: steep(() => Number.NaN) }],

  ['graph-risks', 'pass', 'there is none', {}],
  [
    'graph-risks',
    'pass',
    'a softmax, which attacks go behind',
    { card: card({ outputKind: 'probabilities' }) },
  ],
  ['graph-risks', 'warn', 'the graph rounds', { card: card({ maskingRisks: ['Sign "s"'] }) }],
];

describe('each check', () => {
  it.each(cases)('%s: %s where %s', async (id, verdict, _, over) => {
    const finding = await run(id, over);
    expect(finding).toMatchObject({ verdict });
    expect(finding!.message).toMatch(/^[A-Z0-9].*[.]$/);
    recordable(id, finding!);
  });

  it('gives every verdict that it can, here', () => {
    const seen = new Map<string, Set<Verdict>>();
    for (const [id, verdict] of cases) seen.set(id, (seen.get(id) ?? new Set()).add(verdict));
    const three = ['fail', 'pass', 'warn'];
    for (const [id, verdicts] of seen) {
      // An ε curve alone, or an operator's mere presence, convicts nobody.
      const convicts = id !== 'epsilon-monotone' && id !== 'graph-risks';
      expect([...verdicts].sort(), id).toEqual(convicts ? three : three.slice(1));
    }
  });

  const lacking: readonly [id: string, over: Partial<Evidence>][] = [
    ['noise-finds-more', broken({ noise: [true] })],
    ['noise-finds-more', broken({ pgd: [true] })],
    ['one-step-beats-many', broken({ fgsm: [true] })],
    ['one-step-beats-many', broken({ pgd: [true] })],
    ['epsilon-monotone', curve(1, 0.5)],
    ['zero-gradients', samples(0)],
    ['finite-differences', samples(0)],
    ['stable-predictions', samples(0)],
  ];
  it.each(lacking)('%s says nothing without its evidence: %o', async (id, over) => {
    expect(await run(id, over)).toBeUndefined();
  });
});

/** A finding must go into a result: no NaN or Infinity, which JSON cannot hold. */
function recordable(id: string, { verdict, figures, message }: Finding): void {
  const entry = { id, verdict, title: 'T', figures, section: `docs/checks.md#${id}`, message };
  expect(resultSchema.shape.checks.safeParse([entry]).error).toBeUndefined();
}
