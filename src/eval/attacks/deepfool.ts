/**
 * DeepFool: Moosavi-Dezfooli, Fawzi, Frossard, "DeepFool: a simple and accurate method to fool deep neural networks", CVPR 2016,
 * arXiv:1511.04599, Alg. 2 for L2, and for L∞ its form for other norms (section 3.3).
 *
 * Each step adds the shortest way to the nearest boundary of the linearised model; the sum, overshot a little, is tried. The classes
 * are the ten likeliest of the clean image. A sample is finished with when it is misclassified for the first time, and broken if that is
 * within the radius, of which DeepFool itself knows nothing.
 *
 * What the paper leaves open is as in the authors' code: the model is linearised at the overshot point. Not as in the paper: what is tried
 * is clipped to [0, 1]. Where walls hold pixels back, steps as long as the way that is left come ever nearer to the boundary and do
 * not cross it: so from the second on none is shorter than 1e-4.
 *
 * Cost per sample and step: one forward and one backward pass for each of min(10, K) − 1 classes, and one forward; one forward more in all.
 */
import { predictions } from '../classifier.ts';
import { gather, imageSize } from '../images.ts';
import { dual, lengths } from '../norms.ts';
import type { Norm } from '../threat.ts';
import type { AttackInput, AttackSpec } from './attack.ts';
import {
  type Batch,
  type Boundary,
  batchOf,
  Nearest,
  nearestBoundary,
  rankedClasses,
  rowsOf,
} from './nearest.ts';

/** η. */
const OVERSHOOT = 0.02;
/** Of a step after the first, in the attack's norm. */
const SHORTEST = 1e-4;
/** Besides the image's own. */
const CLASSES = 9;

/**
 * Adds the shortest way to each image's boundary to `total`, and goes to the clean image plus the overshot total.
 *
 * @param least what is added is no shorter
 */
function step(
  batch: Batch,
  total: Float32Array,
  { value, normal }: Boundary,
  norm: Norm,
  least: number,
): void {
  const { indices, clean, current } = batch;
  const size = imageSize(clean);
  for (let row = 0; row < indices.length; row++) {
    const from = row * size;
    const steepness = lengths[dual[norm]](normal, from, size);
    if (!(steepness > 0 && steepness < Number.POSITIVE_INFINITY)) continue;
    const distance = Math.max(Math.abs(value[row]!) / steepness, least);
    for (let i = from; i < from + size; i++) {
      // r = |f|/‖w‖₂ · w/‖w‖₂ for L2, |f|/‖w‖₁ · sign w for L∞
      const way = norm === 'linf' ? Math.sign(normal[i]!) : normal[i]! / steepness;
      total[i] = total[i]! + distance * way;
      const v = clean.data[i]! + (1 + OVERSHOOT) * total[i]!;
      current[i] = v > 0 ? Math.min(v, 1) : 0;
    }
  }
}

/** The attack with what it has measured: the distance at which each sample is first misclassified. */
export async function walkToBoundary(
  input: AttackInput,
  { steps, minimal = false }: { steps: number; minimal?: boolean },
): Promise<Nearest> {
  const { classifier, x, y, threat, onProgress, signal } = input;
  const { classes } = classifier;
  const { norm } = threat;
  const found = new Nearest(input, minimal);
  /** Records what is misclassified, and keeps the rows that are not. */
  const standing = ({ indices, current }: Batch, logits: Float32Array): number[] => {
    const predicted = predictions(logits, classes);
    return Array.from(indices.keys()).filter((row) => {
      const wanted = found.wanted(indices[row]!, predicted[row]!);
      if (wanted) found.offer(indices[row]!, current, row);
      return !wanted;
    });
  };
  const logits = await classifier.logits(x);
  const aims = rankedClasses(logits, classes, y, CLASSES);
  const all = batchOf(input, Array.from(y.keys()), aims);
  let batch = rowsOf(all, standing(all, logits));
  let total: Float32Array = new Float32Array(batch.current.length);
  for (let t = 0; t < steps && batch.indices.length > 0 && !signal?.aborted; t++) {
    step(batch, total, await nearestBoundary(classifier, batch, norm), norm, t === 0 ? 0 : SHORTEST);
    const { shape } = batch.clean;
    const rows = standing(batch, await classifier.logits({ data: batch.current, shape }));
    total = gather({ data: total, shape }, rows).data;
    batch = rowsOf(batch, rows);
    onProgress?.((t + 1) / steps);
  }
  return found;
}

const defaults = () => ({ steps: 50 });

export const deepfool: AttackSpec = {
  name: 'deepfool',
  about: 'to the nearest boundary of the linearised model, step by step',
  source:
    'Moosavi-Dezfooli, Fawzi, Frossard, "DeepFool: a simple and accurate method to fool deep neural networks", arXiv:1511.04599',
  norms: ['linf', 'l2'],
  tunable: true,
  defaults,
  run: (input) => walkToBoundary(input, { ...defaults(), ...input.parameters }),
};
