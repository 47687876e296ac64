import { type CheckSpec, percent } from './check.ts';

/** One step does better than many (Chen and Lee, §2, check 2; Athalye et al., 2018). */
export const oneStepBeatsMany: CheckSpec = {
  id: 'one-step-beats-many',
  title: 'Many steps break more than one',
  async run({ broken }) {
    const one = broken.get('fgsm');
    const many = broken.get('pgd');
    if (!one || !many) return undefined;
    const count = (list: readonly boolean[]) => list.filter(Boolean).length;
    const only = one.filter((b, i) => b && !many[i]).length;
    const share = only / Math.max(1, one.length);
    const weaker = count(one) > count(many);
    return {
      verdict: weaker ? 'fail' : share > 0.01 ? 'warn' : 'pass',
      figures: { fgsm: count(one), pgd: count(many), onlyFgsm: only },
      message: weaker
        ? `One step breaks ${count(one)} samples, PGD only ${count(many)}: the loss surface is masked or PGD is set badly.`
        : `PGD breaks ${count(many)} samples, one step ${count(one)}; ${percent(share)} fall to one step only.`,
    };
  },
};
