/** The stop rules on made-up histories. */
import { describe, expect, it } from 'vitest';
import { type EpochRecord, stopRules } from '../../src/train/index.ts';

const historyOf = (values: readonly (number | null)[], name: 'gradientL1' | 'probeRobustAccuracy') =>
  values.map((value, i) => ({ epoch: i + 1, [name]: value }) as unknown as EpochRecord);

/** The first epoch with an alarm; null where there is none. */
function stopsAt(rule: keyof typeof stopRules, history: readonly EpochRecord[]): number | null {
  for (let t = 1; t <= history.length; t++)
    if (stopRules[rule].alarm(history.slice(0, t)) !== undefined) return t;
  return null;
}

describe('--stop pgd', () => {
  it.each([
    [[0.5, 0.6, 0.65, 0.4], 4], // 25 points at once
    [[0.5, 0.6, 0.65, 0.46], null], // 19 points
    [[0.9, 0.75, 0.6, 0.45, 0.3], null], // 15 points each time
    [[0.8, 0.1], 2],
    [[0.1], null],
    [[], null],
    [[0.8, null, 0.1], null], // it was not measured in between
  ] as const)('on %j: epoch %s', (values, epoch) => {
    expect(stopsAt('pgd', historyOf(values, 'probeRobustAccuracy'))).toBe(epoch);
  });

  it('says from where to where', () => {
    expect(stopRules.pgd.alarm(historyOf([0.8, 0.125], 'probeRobustAccuracy'))).toBe(
      'PGD-5 accuracy on a training mini-batch fell from 80.0 % to 12.5 %',
    );
  });
});

describe('--stop magnitude', () => {
  // R_t = (l_t − l_{t−2})/2 is known from epoch 3 on, so two of them from epoch 4 on.
  it.each([
    [[1, 1, 2, 3], 4], // R₃ = 0.5, R₄ = 1
    [[1, 1, 2, 2.5], null], // R₄ = 0.75 = γR₃
    [[1, 1, 2, 2.6], 4], // R₄ = 0.8
    [[1, 2, 3, 4, 5, 6], null], // grows evenly
    [[1, 1.1, 1.2, 1.3, 1.4, 2], 6], // R₅ = 0.1, R₆ = 0.35
    [[1, 1, 100], null], // too early to tell
    [[9, 8, 7, 6, 5, 9], 6], // surges out of a fall: R₅ = −1, R₆ = 1.5
    [[9, 6, 4, 3, 2.5, 2.2], null], // falls ever more slowly: well, though −0.9 > 1.5 · −1.5
    [[null, null, 2, 9, 30], null], // natural epochs have no l_X: R₄ is not known
    [[null, null, 2, 2, 3, 6], 6],
    [[], null],
  ] as const)('on %j: epoch %s', (values, epoch) => {
    expect(stopsAt('magnitude', historyOf(values, 'gradientL1'))).toBe(epoch);
  });
});
