import type { Images, LossGradient } from '../eval/index.ts';
import type { Learner } from './method.ts';

/** The classes but one, the largest logit first. @param from where the sample's logits begin */
export function rivalsOf(logits: Float32Array, from: number, classes: number, label: number): number[] {
  const others = Array.from({ length: classes }, (_, k) => k).filter((k) => k !== label);
  return others.sort((a, b) => logits[from + b]! - logits[from + a]!);
}

/**
 * Z_i − Z_y and its gradient, for each sample's i of the first `count` rivals in turn: a forward and a backward pass each.
 *
 * @param count from 1 to K − 1
 */
export async function* rivalGradients(
  learner: Learner,
  x: Images,
  y: Int32Array,
  count: number,
): AsyncGenerator<LossGradient> {
  const { classes } = learner;
  const first = await learner.gradient(x, y, { loss: 'margin' });
  yield first;
  const ranked = Array.from(y, (label, n) => rivalsOf(first.logits, n * classes, classes, label));
  for (let rank = 1; rank < count; rank++) {
    const target = Int32Array.from(ranked, (rivals) => rivals[rank]!);
    yield await learner.gradient(x, y, { loss: 'margin-targeted', target });
  }
}
