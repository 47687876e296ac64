import { lowerBound, surelyAbove } from './chance.ts';
import { type CheckSpec, percent } from './check.ts';
import { brokenByGradients, without } from './lists.ts';

/** AutoAttack's own flag. */
const FLAGGED = 0.002;
/** Of an honest net on MNIST 0.7 points have been measured. */
const TOLERATED = 0.01;

/** After APGD-T, Square finds next to nothing (AutoAttack's flags). */
export const squareAfterApgd: CheckSpec = {
  id: 'square-after-apgd',
  title: 'After APGD-T, Square finds next to nothing',
  async run({ broken }) {
    const square = broken.get('square');
    const gradients = broken.has('apgd-t') ? brokenByGradients(broken) : undefined;
    if (!square || !gradients) return undefined;
    const more = without(square, gradients);
    const n = square.length;
    const share = more / n;
    return {
      verdict: surelyAbove(more, n, TOLERATED) ? 'fail' : share > FLAGGED ? 'warn' : 'pass',
      figures: { images: n, more, share, atLeast: lowerBound(more, n) },
      message:
        share > FLAGGED
          ? `Square lowers the robust accuracy by ${percent(share)} after APGD-T: gradients miss something.`
          : `Square broke ${more} of ${n} images that APGD-T and the other gradients did not.`,
    };
  },
};
