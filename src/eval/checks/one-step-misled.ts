import { surelyBelow } from './chance.ts';
import { type CheckSpec, percent } from './check.ts';
import { count } from './lists.ts';
import { oneAndMany } from './steps.ts';

/** Of what PGD breaks, FGSM breaks a third at least on honest networks; after catastrophic overfitting a fiftieth has been seen. */
const [EXPECTED, LEAST] = [0.25, 0.1];

/** One step along the gradient finds a fair part of what many find: else the gradient at the image itself is of no use. */
export const oneStepMisled: CheckSpec = {
  id: 'one-step-misled',
  title: 'One step finds a fair part of what many find',
  async run(evidence) {
    const lists = await oneAndMany(evidence);
    if (!lists) return undefined;
    const many = count(lists.many) - lists.wrong;
    const both = lists.one.filter((b, i) => b && lists.many[i]).length - lists.wrong;
    const verdict = surelyBelow(both, many, LEAST)
      ? 'fail'
      : surelyBelow(both, many, EXPECTED)
        ? 'warn'
        : 'pass';
    return {
      verdict,
      figures: { pgd: many, fgsmToo: both, share: many === 0 ? 1 : both / many },
      message:
        many === 0
          ? 'PGD breaks no image that could be compared.'
          : verdict === 'pass'
            ? `One step breaks ${both} of the ${many} images that PGD breaks.`
            : `One step breaks only ${both} of the ${many} images that PGD breaks (${percent(both / many)}): the gradient at an image misleads.`,
    };
  },
};
