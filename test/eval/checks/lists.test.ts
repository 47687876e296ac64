/** The checks that compare what attacks broke. */
import { describe, expect, it } from 'vitest';
import { broken, type ListCase, list, run } from './given.ts';

/** Of a thousand images, 10 are the least surely above 0.5 %, 40 above 3 %, 16 above 1 %: `binomialTail`, tested beside. */
const N = 1000;
const more = (count: number) => ({ pgd: list(N, 0, 300), square: list(N, 300 - 200, 300 + count) });

const blackBox: readonly ListCase[] = [
  ['pass', 'Square breaks nothing more', broken(more(0))],
  ['pass', 'it breaks 9 more of 1,000', broken(more(9))],
  ['warn', '10 more', broken(more(10))],
  ['warn', '39 more', broken(more(39))],
  ['fail', '40 more', broken(more(40))],
  ['pass', 'another gradient broke those 40', broken({ ...more(40), 'apgd-t': list(N, 300, 340) })],
  ['pass', '1 of 64', broken({ pgd: list(64, 0, 20), square: list(64, 20, 21) })],
  ['fail', 'transferred examples do', { ...broken({ pgd: list(64, 0, 20) }), transferred: list(64, 0, 30) }],
  ['nothing', 'no gradient was followed', broken({ square: list(64, 0, 1), noise: list(64, 0, 1) })],
  ['nothing', 'Square was not asked', broken({ pgd: list(64, 0, 1) })],
];

const afterApgd = (count: number) => broken({ 'apgd-t': list(N, 0, 300), square: list(N, 300, 300 + count) });
const square: readonly ListCase[] = [
  ['pass', '2 of 1,000 more', afterApgd(2)],
  ['warn', '3 more: above 0.2 points', afterApgd(3)],
  ['warn', '15 more', afterApgd(15)],
  ['fail', '16 more', afterApgd(16)],
  [
    'warn',
    '1 of 64: above 0.2 points, and no more than chance',
    broken({ 'apgd-t': list(64, 0, 9), square: list(64, 9, 10) }),
  ],
  [
    'pass',
    'FAB had found them',
    broken({ 'apgd-t': list(N, 0, 9), 'fab-t': list(N, 0, 60), square: list(N, 0, 60) }),
  ],
  ['nothing', 'APGD-T did not run', broken({ pgd: list(64, 0, 1), square: list(64, 0, 9) })],
];

/** FGSM breaks `too` of the 60 that PGD breaks; of 100 images 10 are wrong as they are. */
const misled = (too: number) => ({
  ...broken({ pgd: list(100, 0, 70), fgsm: list(100, 0, 10 + too) }),
  sweep: [{ epsilon: 0, robustAccuracy: 0.9 }],
});
const oneStep: readonly ListCase[] = [
  ['pass', 'it finds 15 of 60', misled(15)],
  // P(X ≤ 9 of 60 at ¼) = 0.045, P(X ≤ 10) = 0.086; P(X ≤ 1 of 60 at 0.1) = 0.014, P(X ≤ 2) = 0.053.
  ['pass', '10 of 60', misled(10)],
  ['warn', '9 of 60', misled(9)],
  ['warn', '2 of 60', misled(2)],
  ['fail', '1 of 60', misled(1)],
  ['pass', 'none of the 5 that there are', broken({ pgd: list(64, 0, 5), fgsm: list(64, 9, 9) })],
  ['pass', 'there are none', broken({ pgd: list(64, 0, 0), fgsm: list(64, 0, 0) })],
  ['nothing', 'nothing is known, and nothing may be attacked', {}],
];

const manySteps: readonly ListCase[] = [
  ['pass', 'PGD breaks all that FGSM does', broken({ fgsm: list(64, 0, 5), pgd: list(64, 0, 9) })],
  ['warn', 'one of 64 falls to one step alone', broken({ fgsm: list(64, 0, 1), pgd: list(64, 0, 0) })],
  ['warn', 'four to none', broken({ fgsm: list(64, 0, 4), pgd: list(64, 0, 0) })],
  ['fail', 'five to none', broken({ fgsm: list(64, 0, 5), pgd: list(64, 0, 0) })],
  [
    'fail',
    '20 to 8 of those that one of them breaks',
    broken({ fgsm: list(64, 0, 40), pgd: list(64, 20, 48) }),
  ],
];

const noise: readonly ListCase[] = [
  [
    'pass',
    'APGD breaks what noise does, though PGD does not',
    broken({ noise: list(64, 0, 5), pgd: list(64, 0, 0), 'apgd-t': list(64, 0, 9) }),
  ],
  ['warn', '1 of 64 falls to noise alone', broken({ noise: list(64, 0, 1), pgd: list(64, 1, 9) })],
  ['fail', '2 of 64', broken({ noise: list(64, 0, 2), pgd: list(64, 2, 9) })],
];

describe.each([
  ['black-box-finds-more', blackBox],
  ['square-after-apgd', square],
  ['one-step-misled', oneStep],
  ['one-step-beats-many', manySteps],
  ['noise-finds-more', noise],
])('%s', (id, cases) => {
  it.each(cases)('%s: %s', async (verdict, _, over) => {
    const finding = await run(id, over);
    if (verdict === 'nothing') expect(finding).toBeUndefined();
    else expect(finding).toMatchObject({ verdict, message: expect.stringMatching(/^[A-Z0-9].*\.$/) });
  });
});
