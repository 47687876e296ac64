/**
 * The fast adaptive boundary attack: Croce and Hein, "Minimally distorted adversarial examples with a fast adaptive boundary
 * attack", ICML 2020, arXiv:1907.02044, Alg. 1. `fab-t` looks at the boundary with one class at a time, as in AutoAttack.
 *
 * Each step crosses the boundary of the linearised model: by the shortest way from where it is, mixed with the shortest way from
 * the clean image. From behind the boundary it goes back towards the clean image, and crosses again, nearer.
 *
 * Cost per sample: one forward pass to rank the classes; then per restart and step one forward and one backward pass for each boundary
 * (1 with `fab-t`, K − 1 with `fab`), and one forward pass to see where the step led. That pass cannot be saved by asking for the next
 * gradient at once: nine steps of ten end behind the boundary (measured), and go on from elsewhere.
 *
 * Not as in the paper: a sample is finished with as soon as its distance is within the radius, which changes no verdict, as the
 * smallest distance found only falls (`minimal` goes on for it); the final search on the line to the clean image is left out, as in
 * AutoAttack. A sample whose gradient is not finite stays where it is.
 */
import { type Key, normal, uniform } from '../../random/index.ts';
import { predictions } from '../classifier.ts';
import { imageSize } from '../images.ts';
import { lengths } from '../norms.ts';
import { hyperplaneProjections } from '../projections/index.ts';
import { at, type Ball, type Norm, type Threat, threatOf } from '../threat.ts';
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

/** The largest share of the way from the clean image: α_max. */
const BIAS = 0.1;
/** How far a step goes, as a multiple of the way to the boundary: η. */
const OVERSHOOT = 1.05;
/** What is left of a perturbation that is misclassified: β. */
const BACKWARD = 0.9;
/** Ways are not shorter than this when they are compared. */
const SHORTEST = 1e-8;

export interface BoundaryOptions {
  readonly steps: number;
  readonly restarts: number;
  /** One after the other, the likeliest first; without, all at once. */
  readonly targets?: number;
  /** Goes on for the smallest distance after a sample is broken. @default false */
  readonly minimal?: boolean;
}

/** The attack with what it has measured: the distance of the nearest image found, per sample. */
export async function fastAdaptiveBoundary(
  input: AttackInput,
  { steps, restarts, targets, minimal = false }: BoundaryOptions,
): Promise<Nearest> {
  const { classifier, x, y, threat, key, onProgress, signal } = input;
  const { classes } = classifier;
  const cross = crossing(threat.norm, imageSize(x));
  const found = new Nearest(input, minimal);
  const logits = await classifier.logits(x);
  for (const [n, predicted] of predictions(logits, classes).entries())
    if (found.wanted(n, predicted)) found.offer(n, x.data, n);
  const ranked = rankedClasses(logits, classes, y, targets ?? classes - 1);
  const rounds = input.target ? [[input.target]] : targets ? ranked.map((aim) => [aim]) : [ranked];
  for (const [round, aims] of rounds.entries())
    for (let r = 0; r < restarts; r++) {
      let batch = batchOf(input, found.left, aims);
      if (r > 0) startAtRandom(batch, threat, key.fold('start', round, r));
      for (let t = 0; t < steps && batch.indices.length > 0 && !signal?.aborted; t++) {
        cross(batch, await nearestBoundary(classifier, batch, threat.norm));
        const images = { data: batch.current, shape: batch.clean.shape };
        batch = goOn(batch, predictions(await classifier.logits(images), classes), found);
        onProgress?.((round * restarts + r + (t + 1) / steps) / (rounds.length * restarts));
      }
    }
  return found;
}

/** Moves each sample to a random point of its ball's inner half. The point depends on the key and the sample's index alone. */
function startAtRandom({ indices, current }: Batch, { norm, epsilon }: Ball, key: Key): void {
  const size = current.length / indices.length;
  for (const [row, n] of indices.entries()) {
    const way = norm === 'linf' ? uniform(key.fold(n), size, -1, 1) : normal(key.fold(n), size);
    const scale = at(epsilon, n) / 2 / lengths[norm](way, 0, size);
    for (let i = 0; i < size; i++) {
      const v = current[row * size + i]! + scale * way[i]!;
      current[row * size + i] = Math.max(0, Math.min(v, 1));
    }
  }
}

/** Alg. 1, the step: x ← (1 − α)(x + η·δ) + α(x₀ + η·δ₀), clipped, with δ and δ₀ to the boundary from x and from the clean x₀. */
function crossing(norm: Norm, size: number): (batch: Batch, boundary: Boundary) => void {
  const project = hyperplaneProjections[norm](size);
  const [own, original] = [new Float64Array(size), new Float64Array(size)];
  return ({ clean, current, indices }, { value, normal: w }) => {
    const x0 = clean.data;
    for (let row = 0; row < indices.length; row++) {
      const from = row * size;
      const rise = -value[row]!;
      let riseFromClean = rise;
      for (let i = from; i < from + size; i++) riseFromClean += w[i]! * (current[i]! - x0[i]!);
      if (!Number.isFinite(riseFromClean)) continue;
      const length = Math.max(SHORTEST, project(current, w, from, rise, own));
      const lengthFromClean = Math.max(SHORTEST, project(x0, w, from, riseFromClean, original));
      const alpha = Math.min(length / (length + lengthFromClean), BIAS);
      for (let i = 0; i < size; i++) {
        const v =
          (1 - alpha) * (current[from + i]! + OVERSHOOT * own[i]!) +
          alpha * (x0[from + i]! + OVERSHOOT * original[i]!);
        current[from + i] = v > 0 ? Math.min(v, 1) : 0;
      }
    }
  };
}

/** Records what is misclassified and takes it back; samples that are finished with leave. */
function goOn(batch: Batch, predicted: Int32Array, found: Nearest): Batch {
  const { indices, current, clean } = batch;
  const size = imageSize(clean);
  const keep: number[] = [];
  for (let row = 0; row < indices.length; row++) {
    const n = indices[row]!;
    if (found.wanted(n, predicted[row]!)) {
      found.offer(n, current, row);
      const x0 = clean.data;
      for (let i = row * size; i < (row + 1) * size; i++)
        current[i] = x0[i]! + BACKWARD * (current[i]! - x0[i]!);
    }
    if (!found.finished(n)) keep.push(row);
  }
  return rowsOf(batch, keep);
}

/** Without a number of targets, all boundaries are looked at in every step. */
const everyClass = { steps: 100, restarts: 1 } as const;

/** The classes of rank 2 to 10: AutoAttack's. */
const oneByOne = (_: Threat, classes = 10) => ({ ...everyClass, targets: Math.min(9, classes - 1) });

const source =
  'Croce and Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack", arXiv:1907.02044';

export const fab: AttackSpec = {
  name: 'fab',
  about: 'the smallest perturbation, over the nearest boundary of all classes in each step',
  source,
  norms: ['linf', 'l2', 'l1'],
  tunable: true,
  targeted: true,
  defaults: () => everyClass,
  run(input) {
    const { steps, restarts } = { ...everyClass, ...input.parameters };
    return fastAdaptiveBoundary(input, { steps, restarts });
  },
};

export const fabT: AttackSpec = {
  name: 'fab-t',
  about: 'the smallest perturbation, over the boundary with one likely class after the other',
  source,
  norms: ['linf', 'l2', 'l1'],
  tunable: true,
  targeted: true,
  defaults: oneByOne,
  run: (input) =>
    fastAdaptiveBoundary(input, {
      ...oneByOne(threatOf(input.threat), input.classifier.classes),
      ...input.parameters,
    }),
};
