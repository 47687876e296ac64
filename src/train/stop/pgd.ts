import type { StopRule } from './rule.ts';

/** A fall of the robust accuracy by more than this between two epochs is catastrophic overfitting. */
const FALL = 0.2;

/**
 * PGD-5 on a mini-batch of the training data: E. Wong, L. Rice, J. Z. Kolter, "Fast is better than free: Revisiting
 * adversarial training", arXiv:2001.03994, of which F. Wang et al., DEAT, tell in §5.3. How far is too far is what Wong et
 * al.'s code says.
 *
 * Differs from that code: the mini-batch is the same one in every epoch, as DEAT has it ("randomly save a batch"), so that
 * epochs can be compared.
 */
export const pgdStop: StopRule = {
  name: 'pgd',
  about: 'stops when PGD-5 accuracy on a training mini-batch falls by 20 points',
  source: 'Wong, Rice, Kolter, arXiv:2001.03994; Wang et al., DEAT, §5.3',
  probes: true,
  alarm(history) {
    const [before, now] = history.slice(-2).map((e) => e.probeRobustAccuracy);
    if (before == null || now == null || before - now <= FALL) return undefined;
    return `PGD-5 accuracy on a training mini-batch fell from ${percent(before)} to ${percent(now)}`;
  },
};

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
