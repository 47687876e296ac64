import { outnumber } from './chance.ts';
import { type CheckSpec, percent } from './check.ts';
import { count, without } from './lists.ts';
import { oneAndMany } from './steps.ts';

/** One step does better than many (Chen and Lee, §2.4, property 2; Athalye et al., 2018). */
export const oneStepBeatsMany: CheckSpec = {
  id: 'one-step-beats-many',
  title: 'Many steps break more than one',
  async run(evidence) {
    const lists = await oneAndMany(evidence);
    if (!lists) return undefined;
    const { one, many } = lists;
    const only = without(one, many);
    const share = only / Math.max(1, one.length);
    const weaker = count(one) > count(many);
    return {
      // An image that falls to both says nothing of which is stronger.
      verdict: outnumber(only, without(many, one)) ? 'fail' : weaker || share > 0.01 ? 'warn' : 'pass',
      figures: { fgsm: count(one), pgd: count(many), onlyFgsm: only, images: one.length },
      message: weaker
        ? `One step breaks ${count(one)} samples, PGD only ${count(many)}: the loss surface is masked or PGD is set badly.`
        : `PGD breaks ${count(many)} samples, one step ${count(one)}; ${percent(share)} fall to one step only.`,
    };
  },
};
