/** Which accuracies decide a claim: records made up. */
import { describe, expect, it } from 'vitest';
import type { Accuracy } from '../../benchmarks/claims/found.ts';
import { judged, origin } from './judged.ts';

describe('an accuracy', () => {
  const id = 'gaat/table 2/MNIST/Convolutional ReLU/GAAT/Adv acc'; // 95.13
  const accuracy: Accuracy = {
    ...{ origin, method: 'gaat', model: 'mnist-cnn', data: 'MNIST', epsilon: 0.1, epochs: 5, settings: {} },
    ...{ attack: { name: 'pgd', steps: 100 }, value: 0.9413, n: 1000 },
  };
  const of = (...more: Partial<Accuracy>[]) =>
    judged(id, { accuracies: more.map((one) => ({ ...accuracy, ...one })) });

  it('is reproduced in the same setting, and says how far', () => {
    expect(of({})).toMatchObject({ verdict: 'reproduced', evidence: { record: origin.record } });
    expect(of({}).measured).toBeCloseTo(94.13, 9);
    expect(of({}).reason).toBe('1.00 points below, after 5 of the paper’s 200 epochs');
    expect(of({ value: 0.94, epochs: 200 })).toMatchObject({
      verdict: 'not reproduced',
      reason: '1.13 points below',
    });
  });

  it.each([
    ['another ε', { epsilon: 0.3 }],
    ['another network', { model: 'conv4' }],
    ['another data set', { data: 'CIFAR-10' }],
    ['a weaker attack', { attack: { name: 'pgd', steps: 20 } }],
  ] as const)('of %s stands elsewhere, and decides nothing', (_, more) => {
    const found = of(more);
    expect(found).toMatchObject({ verdict: 'not testable here', measured: null });
    expect(found.elsewhere!.value).toBe('94.13\u00a0%');
  });

  it('of another method or of natural images is not looked at', () => {
    for (const more of [{ method: 'pgd' }, { attack: null }] as const)
      expect(of(more)).toMatchObject({ verdict: 'not testable here', elsewhere: null });
  });

  it('of a part of the training images decides nothing, and says of how many', () => {
    const found = of({ trainedOn: 4500 });
    expect(found).toMatchObject({ verdict: 'not testable here', measured: null });
    expect(found.elsewhere!.about).toContain('5 epochs of 4,500');
    expect(of({ trainedOn: 54_000 }).verdict).toBe('reproduced'); // a tenth held out
  });

  it('is that of the longest training, then of the most images, not the best', () => {
    expect(of({}, { epochs: 20, value: 0.5 }, { epochs: 20, n: 9, value: 0.99 }).measured).toBe(50);
    // 5 × 60,000 images are more than 6 × 48,000.
    expect(of({ value: 0.6 }, { epochs: 6, trainedOn: 48_000 }).measured).toBe(60);
  });

  it('is of what its row varies', () => {
    const lambda = (value: number) =>
      judged('efgsm/table 3/MNIST/Natural/λ = 0.1', {
        accuracies: [
          {
            ...{ ...accuracy, method: 'efgsm+reconstructor', epsilon: 0.3, attack: null },
            settings: { lambda: value, smoothing: 0 },
          },
        ],
      });
    expect(lambda(0.1).measured).toBeCloseTo(94.13, 9);
    expect(lambda(0.5).measured).toBeNull();
  });
});
