import { forEachImage } from '../threat.ts';
import { surelyAbove } from './chance.ts';
import { type CheckSpec, type Evidence, percent } from './check.ts';
import { isUndifferentiable } from './fresh.ts';

/** e^−88 is the smallest normal float32: from there on the other classes have no probability at all. */
const GAP = 88;
/** As `zero-gradients` has it: below, even a sign is noise. */
const NOTHING = 1.2e-38;
const TOLERATED = 0.05;

/** Logits so far apart that float32 rounds the softmax to 0 and 1 (Carlini and Wagner, arXiv:1608.04644, §VI). */
export const saturatedSoftmax: CheckSpec = {
  id: 'saturated-softmax',
  title: 'The softmax is not saturated',
  async run(evidence) {
    const n = evidence.y.length;
    if (n === 0) return undefined;
    const found = await count(evidence).catch((error: unknown) => {
      if (isUndifferentiable(error)) return undefined;
      throw error;
    });
    if (!found) return undefined;
    const { certain, apart, hidden } = found;
    const fails = surelyAbove(hidden, n, TOLERATED);
    const warns = hidden > 0 || surelyAbove(certain, n, TOLERATED);
    return {
      verdict: fails ? 'fail' : warns ? 'warn' : 'pass',
      figures: { samples: n, probabilityOne: certain, gapAbove88: apart, hiddenGradient: hidden },
      message:
        hidden > 0
          ? `${percent(hidden / n)} of the samples have no gradient of the cross-entropy, though one of the margin: the softmax is saturated.`
          : warns
            ? `${percent(certain / n)} of the samples have a probability of exactly 1 in float32, where the cross-entropy’s gradient is rough.`
            : `${certain} of ${n} samples have a probability of exactly 1 in float32, and none has lost its gradient.`,
    };
  },
};

async function count({ classifier, x, y }: Evidence) {
  const ce = await classifier.gradient('ce', x, y);
  const margin = await classifier.gradient('margin', x, y);
  let [certain, apart, hidden] = [0, 0, 0];
  for (let n = 0; n < y.length; n++) {
    const z = ce.logits.subarray(n * classifier.classes, (n + 1) * classifier.classes);
    const [top, second] = z.slice().sort((a, b) => b - a) as unknown as [number, number];
    if (top - second > GAP) apart += 1;
    const others = z.reduce((sum, v) => sum + Math.exp(v - top), 0);
    if (Math.fround(1 / others) === 1) certain += 1;
  }
  const largest = (gradient: Float32Array, from: number, to: number): number => {
    let most = 0;
    for (let i = from; i < to; i++) most = Math.max(most, Math.abs(gradient[i]!));
    return most;
  };
  forEachImage(x, (_, from, to) => {
    if (largest(ce.gradient, from, to) < NOTHING && largest(margin.gradient, from, to) >= NOTHING)
      hidden += 1;
  });
  return { certain, apart, hidden };
}
