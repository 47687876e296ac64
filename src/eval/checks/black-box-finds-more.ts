import { lowerBound, surelyAbove } from './chance.ts';
import { type CheckSpec, percent } from './check.ts';
import { brokenByGradients, union, without } from './lists.ts';

/** Square asks 5,000 times, and finds a few images at the edge that one run of PGD misses: 1.5 points of an honest model. */
const TOLERATED = 0.03;
const WORTH_SAYING = 0.005;

/** Attacks without gradients break what those with gradients do not (Chen and Lee, §2.4, property 5). */
export const blackBoxFindsMore: CheckSpec = {
  id: 'black-box-finds-more',
  title: 'Attacks without gradients find nothing more',
  async run({ broken, transferred }) {
    const square = broken.get('square');
    const blind = union([square, transferred].filter((list) => list !== undefined));
    const gradients = brokenByGradients(broken);
    if (!blind || !gradients) return undefined;
    const more = without(blind, gradients);
    const n = blind.length;
    const by = !transferred
      ? 'Square'
      : square
        ? 'Square and transferred examples'
        : 'Examples of other models';
    return {
      verdict: surelyAbove(more, n, TOLERATED)
        ? 'fail'
        : surelyAbove(more, n, WORTH_SAYING)
          ? 'warn'
          : 'pass',
      figures: { images: n, more, share: more / n, atLeast: lowerBound(more, n) },
      message:
        more === 0
          ? `${by} broke nothing that the attacks with gradients did not.`
          : `${by} broke ${more} of ${n} images (${percent(more / n)}) that no attack with gradients did.`,
    };
  },
};
