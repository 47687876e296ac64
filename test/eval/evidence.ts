/** Evidence for the checks, made by hand. */

import { type AttackName, checks, type Evidence, type Oracle } from '../../src/eval/index.ts';
import { evidence, fake } from './fakes.ts';

export const run = (id: string, over: Partial<Evidence> = {}) => checks[id]!.run(evidence(over));

/** Which of `n` samples an attack broke: those in [from, to). */
export const list = (n: number, from: number, to: number) =>
  Array.from({ length: n }, (_, i) => i >= from && i < to);
export const broken = (of: Partial<Record<AttackName, readonly boolean[]>>) => ({
  broken: new Map(Object.entries(of)) as Evidence['broken'],
});
export const curve = (...accuracies: number[]) => ({
  sweep: accuracies.map((robustAccuracy, i) => ({ epsilon: i / 10, robustAccuracy })),
});

/** Five images of 0.5 and labels 0, for classifiers that only look at the sample's number in pixel 1. */
export const samples = (n: number) => ({
  x: {
    data: Float32Array.from({ length: n * 12 }, (_, i) => (i % 12 === 1 ? Math.floor(i / 12) / n : 0.5)),
    shape: [n, 3, 2, 2],
  },
  y: new Int32Array(n),
});

/** The true gradients of a linear model, spoilt for the first `bad` of `n` samples. */
export function spoilt(n: number, bad: number, loss: 'ce' | 'margin' | 'both', by: (v: number) => number) {
  const { x, y } = samples(n);
  const classifier = fake({
    classes: 2,
    logits: (image) => [image[0]! + 1, 0],
    gradient: (which, image) => {
      const spoil = Math.round(image[1]! * n) < bad && (loss === 'both' || loss === which);
      return Array.from(image, (_, i) => (spoil ? by(i === 0 ? -1 : 0) : i === 0 ? -1 : 0));
    },
  });
  return { classifier, x, y };
}

/** An oracle whose answer may depend on the batch and on how often it was asked. */
export const moody = (
  label: (image: Float32Array, place: { row: number; size: number; call: number }) => number,
): Oracle => {
  let call = 0;
  return {
    async predict(data, [n]) {
      const [each, out] = [data.length / n!, new Float32Array(2 * n!)];
      for (let row = 0; row < n!; row++)
        out[2 * row + label(data.subarray(row * each, (row + 1) * each), { row, size: n!, call })] = 1;
      call += 1;
      return out;
    },
  };
};
