import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Survivors } from '../../src/eval/attacks/attack.ts';

describe('Survivors', () => {
  it('keeps those still classified correctly together, with all that belongs to them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 12 }),
        fc.array(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), { maxLength: 4 }),
        (n, rounds) => {
          const data = Float32Array.from({ length: 2 * n }, (_, i) => i);
          const y = Int32Array.from({ length: n }, (_, i) => i % 2);
          const left = new Survivors({ data, shape: [n, 2] }, y, 2);
          const alive = new Set(y.keys());
          const last = Array.from({ length: n }, (_, i) => [2 * i, 2 * i + 1]);
          for (const [r, falls] of rounds.entries()) {
            const ids = [...alive];
            const images = Float32Array.from(ids.flatMap((i) => [100 * r + i, -i]));
            const logits = Float32Array.from(
              ids.flatMap((i) => ((y[i] === 0) === falls[i] ? [0, 1] : [1, 0])),
            );
            const [kept, mate] = left.sift(
              images,
              logits,
              images.map((v) => v + 0.5),
            );
            for (const i of ids) {
              last[i] = [100 * r + i, -i + 0];
              if (falls[i]) alive.delete(i);
            }
            const standing = [...alive];
            expect(Array.from(kept!)).toEqual(standing.flatMap((i) => [100 * r + i, -i]));
            expect(Array.from(mate!)).toEqual(standing.flatMap((i) => [100 * r + i + 0.5, -i + 0.5]));
            expect(left.indices).toEqual(standing);
            expect(left.count).toBe(standing.length);
            expect(Array.from(left.labels)).toEqual(standing.map((i) => y[i]));
            expect(Array.from(left.clean.data)).toEqual(standing.flatMap((i) => [2 * i, 2 * i + 1]));
            expect(left.clean.shape).toEqual([standing.length, 2]);
          }
          expect(left.broken).toEqual(Array.from({ length: n }, (_, i) => !alive.has(i)));
          expect(Array.from(left.adversarial, (v) => v + 0)).toEqual(last.flat().map((v) => v + 0));
        },
      ),
    );
  });

  it('leaves the arrays of its maker alone', () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const y = Int32Array.of(0, 0);
    const left = new Survivors({ data, shape: [2, 2] }, y, 2);
    left.sift(Float32Array.of(9, 9, 8, 8), Float32Array.of(0, 1, 1, 0));
    expect([Array.from(data), Array.from(y)]).toEqual([
      [1, 2, 3, 4],
      [0, 0],
    ]);
    expect(Array.from(left.adversarial)).toEqual([9, 9, 8, 8]);
    expect(left.broken).toEqual([true, false]);
  });
});
