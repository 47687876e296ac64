import type { Images } from '../images.ts';
import { forEachImage } from '../threat.ts';
import { type CheckSpec, type Evidence, type Finding, percent } from './check.ts';
import { isUndifferentiable } from './fresh.ts';

/** Zero, tiny or not finite gradients give an attack no direction (Carlini et al., 2019; Athalye et al., 2018). */
export const zeroGradients: CheckSpec = {
  id: 'zero-gradients',
  title: 'Gradients are there to follow',
  async run(evidence) {
    if (evidence.y.length === 0) return undefined;
    return look(evidence).catch((error: unknown): Finding => {
      if (!isUndifferentiable(error)) throw error;
      return {
        verdict: 'fail',
        figures: { samples: evidence.y.length },
        message: `No gradient reaches the images (${error instanceof Error ? error.message : error}).`,
      };
    });
  },
};

async function look({ classifier, x, y }: Evidence): Promise<Finding> {
  const { gradient } = await classifier.gradient('ce', x, y);
  const margin = (await classifier.gradient('margin', x, y)).gradient;
  const ce = count(gradient, x);
  const cw = count(margin, x);
  const share = Math.max(ce.notFinite, cw.zero, cw.notFinite) / y.length;
  const saturated = ce.zero / y.length;
  return {
    verdict: share > 0.05 || ce.notFinite > 0 ? 'fail' : share > 0 || saturated > 0.05 ? 'warn' : 'pass',
    figures: {
      samples: y.length,
      zeroCrossEntropy: ce.zero,
      zeroMargin: cw.zero,
      notFinite: ce.notFinite + cw.notFinite,
    },
    message:
      share > 0
        ? `${percent(share)} of the samples have a zero or non-finite gradient even of the margin.`
        : saturated > 0.05
          ? `${percent(saturated)} of the samples have a zero gradient of the cross-entropy (a saturated softmax): trust the margin attack.`
          : 'All sampled gradients are finite, and hardly any is zero.',
  };
}

function count(g: Float32Array, x: Images): { zero: number; notFinite: number } {
  const totals = { zero: 0, notFinite: 0 };
  forEachImage(x, (_, from, to) => {
    let largest = 0;
    for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(g[i]!));
    if (!Number.isFinite(largest)) totals.notFinite += 1;
    // Below the smallest normal float32 even its sign is noise.
    else if (largest < 1.2e-38) totals.zero += 1;
  });
  return totals;
}
