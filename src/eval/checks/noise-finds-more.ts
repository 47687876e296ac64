import { type CheckSpec, percent } from './check.ts';

/** Random sampling finds adversarial examples that gradient attacks do not (Chen and Lee, §2, check 1). */
export const noiseFindsMore: CheckSpec = {
  id: 'noise-finds-more',
  title: 'Random noise finds nothing that gradients miss',
  async run({ broken }) {
    const noise = broken.get('noise');
    const strongest = broken.get('pgd') ?? broken.get('pgd-margin');
    if (!noise || !strongest) return undefined;
    const missed = noise.filter((b, i) => b && !strongest[i]).length;
    const share = missed / Math.max(1, noise.length);
    return {
      verdict: missed === 0 ? 'pass' : share > 0.01 ? 'fail' : 'warn',
      figures: { missed, attacked: noise.length },
      message:
        missed === 0
          ? 'Every sample that noise breaks, PGD breaks too.'
          : `Noise breaks ${missed} samples (${percent(share)}) that PGD does not: its gradients may be masked.`,
    };
  },
};
