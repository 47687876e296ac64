import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Survivors, type SurvivorsOptions } from '../../src/eval/attacks/attack.ts';
import type { Images } from '../../src/eval/index.ts';

const survivors = (x: Images, y: Int32Array, more: Partial<SurvivorsOptions> = {}) =>
  new Survivors({ x, y, threat: { norm: 'linf', epsilon: 1 }, classes: 2, ...more });

describe('Survivors', () => {
  it('keeps those still classified correctly together, with all that belongs to them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 12 }),
        fc.array(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), { maxLength: 4 }),
        (n, rounds) => {
          const data = Float32Array.from({ length: 2 * n }, (_, i) => i);
          const y = Int32Array.from({ length: n }, (_, i) => i % 2);
          const left = survivors({ data, shape: [n, 2] }, y);
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
    const left = survivors({ data, shape: [2, 2] }, y);
    left.sift(Float32Array.of(9, 9, 8, 8), Float32Array.of(0, 1, 1, 0));
    expect([Array.from(data), Array.from(y)]).toEqual([
      [1, 2, 3, 4],
      [0, 0],
    ]);
    expect(Array.from(left.adversarial)).toEqual([9, 9, 8, 8]);
    expect(left.broken).toEqual([true, false]);
  });

  it('keeps the radius, the target and further values of each sample beside it', () => {
    const data = Float32Array.from({ length: 8 }, (_, i) => i);
    const left = survivors({ data, shape: [4, 2] }, Int32Array.of(0, 0, 1, 1), {
      threat: { norm: 'l2', epsilon: Float32Array.of(1, 2, 3, 4) },
      target: Int32Array.of(1, 1, 0, 0),
    });
    const [kept, loss] = left.sift(
      data,
      Float32Array.of(0, 1, 1, 0, 1, 0, 0, 1),
      Float32Array.of(9, 8, 7, 6),
    );
    expect(left.broken, 'as wanted: the first and the third').toEqual([true, false, true, false]);
    expect(left.threat).toEqual({ norm: 'l2', epsilon: Float32Array.of(2, 4) });
    expect(Array.from(left.target!)).toEqual([1, 0]);
    expect(Array.from(kept!)).toEqual([2, 3, 6, 7]);
    expect(Array.from(loss!)).toEqual([8, 6]);
  });

  it('does not take another class for the one that is wanted', () => {
    const left = survivors({ data: new Float32Array(2), shape: [1, 2] }, Int32Array.of(0), {
      target: Int32Array.of(2),
      classes: 3,
    });
    left.sift(new Float32Array(2), Float32Array.of(0, 1, 0));
    expect(left.broken).toEqual([false]);
    left.sift(new Float32Array(2), Float32Array.of(0, 1, 2));
    expect(left.broken).toEqual([true]);
  });

  it('notes the last misclassified image of each sample, and keeps all until it is told to let them go', () => {
    const left = survivors({ data: new Float32Array(6), shape: [3, 2] }, Int32Array.of(0, 0, 0));
    const right = [1, 0];
    const wrong = [0, 1];
    const note = (image: number, ...logits: number[][]) =>
      left.note(new Float32Array(6).fill(image), Float32Array.from(logits.flat()));
    note(1, wrong, right, wrong);
    note(2, right, right, wrong);
    expect(left.count).toBe(3);
    expect(left.broken).toEqual([true, false, true]);
    // The first fell once, the second never: its last try.
    expect(Array.from(left.adversarial)).toEqual([1, 1, 2, 2, 2, 2]);
    left.release();
    expect(left.indices).toEqual([1]);
    left.release();
    note(3, wrong);
    left.release();
    expect([left.count, left.broken]).toEqual([0, [true, true, true]]);
    expect(Array.from(left.adversarial)).toEqual([1, 1, 3, 3, 2, 2]);
  });
});
