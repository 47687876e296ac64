import { describe, expect, it } from 'vitest';
import { type MethodName, methods } from '../../src/train/index.ts';
import { fallingLoss, type Job, learn } from './learn.ts';

/** In seconds rather than minutes: enough to learn from, in small mini-batches at half the rate. */
const BRIEF = { images: 1000, judgedOn: 200, threads: 1, gently: { batchSize: 32, rate: 0.5 } } as const;

/** Every method learns something of a few images. Guessing would be right on a tenth of them. */
export function briefSuite(engine: Job['engine']): void {
  describe(`two epochs of ${BRIEF.images} images on ${engine}`, () => {
    it.each(Object.keys(methods) as MethodName[])('%s', async (method) => {
      const learnt = await learn({ method, engine, device: 'cpu', ...BRIEF });
      expect(learnt.epochs).toHaveLength(2);
      const { name, first, last } = fallingLoss(learnt);
      expect(last, name).toBeLessThan(first);
      expect(learnt.epochs[1]!.natural).toBeGreaterThan(0.5);
    });
  });
}
