import { signs } from '../../random/index.ts';
import { forEachImage } from '../threat.ts';
import type { CheckSpec } from './check.ts';

/** Small enough to stay between most kinks, large enough for float32 losses. */
const STEP = 1e-4;
const DIRECTIONS = 4;

/** The gradient agrees with central differences of the loss along random directions. */
export const finiteDifferences: CheckSpec = {
  id: 'finite-differences',
  title: 'The gradient agrees with finite differences',
  async run({ classifier, x, y, key }) {
    if (y.length === 0) return undefined;
    // The margin is linear between kinks and large, so that its differences survive float32.
    const { gradient } = await classifier.gradient('margin', x, y);
    let [dot, left, right] = [0, 0, 0];
    for (let d = 0; d < DIRECTIONS; d++) {
      const direction = signs(key.fold('direction', d), x.data.length);
      const at = async (step: number) => {
        const data = x.data.map((v, i) => v + step * direction[i]!);
        return (await classifier.gradient('margin', { data, shape: x.shape }, y)).loss;
      };
      const [above, below] = [await at(STEP), await at(-STEP)];
      forEachImage(x, (n, from, to) => {
        let slope = 0;
        for (let i = from; i < to; i++) slope += gradient[i]! * direction[i]!;
        const difference = (above[n]! - below[n]!) / (2 * STEP);
        dot += slope * difference;
        left += slope * slope;
        right += difference * difference;
      });
    }
    const cosine = left === 0 && right === 0 ? 1 : dot / Math.max(Math.sqrt(left * right), Number.MIN_VALUE);
    return {
      verdict: cosine > 0.99 ? 'pass' : cosine > 0.9 ? 'warn' : 'fail',
      figures: {
        samples: y.length,
        directions: DIRECTIONS,
        step: STEP,
        cosine: Number.isFinite(cosine) ? Number(cosine.toFixed(6)) : 'not finite',
      },
      message:
        cosine > 0.99
          ? `Slopes and differences agree (cosine ${cosine.toFixed(4)}).`
          : `Slopes and differences disagree (cosine ${cosine.toFixed(4)}): the gradient is false, or the model is very rough.`,
    };
  },
};
