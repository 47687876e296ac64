import { describe, expect, it } from 'vitest';
import { schedules } from '../../src/train/index.ts';

describe('schedules', () => {
  it('flat stays', () => {
    const rate = schedules.flat({ learningRate: 0.03, epochs: 10 });
    expect([0, 3.7, 10].map(rate)).toEqual([0.03, 0.03, 0.03]);
  });

  it('multistep is the GAAT paper’s: 0.1 × 0.2 after 60, 120 and 160 of 200', () => {
    const rate = schedules.multistep({
      learningRate: 0.1,
      epochs: 200,
      milestones: [60, 120, 160],
      gamma: 0.2,
    });
    const expected = [0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008, 0.0008];
    for (const [i, epoch] of [0, 59.99, 60, 119.99, 120, 159.99, 160, 199.99].entries())
      expect(rate(epoch)).toBeCloseTo(expected[i]!, 12);
  });

  it('cyclic is that of Wong et al. on MNIST: np.interp(t, [0, 2/5·epochs, epochs], [0, max, 0])', () => {
    const rate = schedules.cyclic({ learningRate: 0.2, epochs: 10, peak: 0.4 });
    const expected = [0, 0.1, 0.2, 0.1, 0];
    for (const [i, epoch] of [0, 2, 4, 7, 10].entries()) expect(rate(epoch)).toBeCloseTo(expected[i]!, 12);
  });

  it('cyclic peaks in the middle by default, and may begin or end at its top', () => {
    expect(schedules.cyclic({ learningRate: 0.2, epochs: 30 })(15)).toBe(0.2);
    expect(schedules.cyclic({ learningRate: 0.2, epochs: 30, peak: 0 })(0)).toBe(0.2);
    expect(schedules.cyclic({ learningRate: 0.2, epochs: 30, peak: 1 })(29.999)).toBeCloseTo(0.2, 4);
  });

  it('each warms up linearly over the first epochs', () => {
    for (const make of Object.values(schedules)) {
      const options = { learningRate: 0.1, epochs: 20, milestones: [10] };
      const [plain, warm] = [make(options), make({ ...options, warmup: 4 })];
      for (const epoch of [0, 1, 2, 3.5]) expect(warm(epoch)).toBeCloseTo((plain(epoch) * epoch) / 4, 12);
      for (const epoch of [4, 9, 15]) expect(warm(epoch)).toBe(plain(epoch));
    }
  });
});
