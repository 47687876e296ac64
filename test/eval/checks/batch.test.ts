/** The checks that ask the file the same thing in several ways. */
import { describe, expect, it } from 'vitest';
import type { Oracle } from '../../../src/eval/index.ts';
import { grey, run } from './given.ts';

const N = 64;
/** Scores of two classes by an image, those beside it, and how often the oracle was asked. */
const oracle = (score: (image: Float32Array, mean: number, call: number, size: number) => number): Oracle => {
  let call = 0;
  return {
    async predict(data, [n]) {
      const size = data.length / n!;
      const mean = data.reduce((a, b) => a + b, 0) / data.length;
      call += 1;
      return Float32Array.from({ length: 2 * n! }, (_, i) =>
        i % 2 === 0 ? score(data.subarray((i / 2) * size, (i / 2 + 1) * size), mean, call, n!) : 0,
      );
    },
  };
};
/** Images whose first pixel is their number over 64. */
const numbered = () => {
  const { x, y } = grey(N);
  for (let i = 0; i < N; i++) x.data[i * 12] = i / N;
  return { x, y, maxBatch: 16 };
};

describe('batch-composition', () => {
  it('passes where an image is judged by itself', async () => {
    expect(
      await run('batch-composition', { ...numbered(), oracle: oracle((i) => i[0]! - 0.3) }),
    ).toMatchObject({
      verdict: 'pass',
      figures: { samples: N, alone: 0, besideBlack: 0, scoresChanged: 0 },
    });
  });

  it('fails where it is judged against those beside it', async () => {
    const finding = await run('batch-composition', {
      ...grey(N),
      maxBatch: 16,
      oracle: oracle((image, mean) => mean - image[1]! + 0.01),
    });
    // Beside black the mean falls below the image's own pixel; beside white it rises.
    expect(finding).toMatchObject({ verdict: 'fail', figures: { besideBlack: N, besideWhite: 0 } });
  });

  it('warns where the company shows in the scores alone, or in one prediction', async () => {
    const faint = oracle((image, mean) => 1 + image[0]! + 0.1 * mean);
    expect(await run('batch-composition', { ...numbered(), oracle: faint })).toMatchObject({
      verdict: 'warn',
      figures: { alone: 0, besideBlack: 0, scoresChanged: N },
    });
    const one = oracle((image, _, __, size) => (size === 1 && image[0] === 0 ? -1 : 1));
    expect(await run('batch-composition', { ...numbered(), oracle: one })).toMatchObject({
      verdict: 'warn',
      figures: { alone: 1 },
    });
  });

  it('says nothing of a random model, nor of one that takes one image at a time', async () => {
    const random = oracle((image, _, call) => image[0]! + Math.sin(call));
    expect(await run('batch-composition', { ...numbered(), oracle: random })).toBeUndefined();
    const fine = oracle((image) => image[0]!);
    expect(await run('batch-composition', { ...numbered(), oracle: fine, maxBatch: 1 })).toBeUndefined();
  });
});

describe('stable-predictions', () => {
  it('fails where scores change between runs though no prediction does', async () => {
    const faint = oracle((image, _, call) => 1 + image[0]! + 0.01 * Math.sin(call));
    expect(await run('stable-predictions', { ...numbered(), oracle: faint })).toMatchObject({
      verdict: 'fail',
      figures: { betweenRuns: 0, atBatchSizeOne: 0 },
    });
  });

  it('passes where they change by what rounding explains', async () => {
    const rounded = oracle((image, _, call) => 1 + image[0]! + 1e-5 * Math.sin(call));
    expect(await run('stable-predictions', { ...numbered(), oracle: rounded })).toMatchObject({
      verdict: 'pass',
    });
  });
});
