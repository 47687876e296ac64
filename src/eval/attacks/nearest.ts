import type { Classifier } from '../classifier.ts';
import { gather, gatherLabels, type Images, imageSize } from '../images.ts';
import { distances, dual, lengths } from '../norms.ts';
import { at, type Norm, type PerImage } from '../threat.ts';
import type { AttackInput, AttackOutput } from './attack.ts';

/**
 * What an attack for the smallest distance has found: it goes out of the ball to find the boundary, and breaks a sample where it
 * comes back to within the radius.
 */
export class Nearest implements AttackOutput {
  readonly adversarial: Float32Array;
  readonly broken: boolean[];
  /** To the nearest image found that is misclassified (or classified as wanted). */
  readonly distances: Float64Array;
  readonly #x: Images;
  readonly #y: Int32Array;
  readonly #target: Int32Array | undefined;
  readonly #epsilon: PerImage;
  readonly #norm: Norm;
  readonly #minimal: boolean;
  readonly #size: number;

  /**
   * @param minimal whether the smallest distance itself is wanted: images outside the ball are recorded, too, and no sample is
   * finished with
   */
  constructor({ x, y, threat, target }: AttackInput, minimal = false) {
    this.adversarial = x.data.slice();
    this.broken = new Array<boolean>(y.length).fill(false);
    this.distances = new Float64Array(y.length).fill(Number.POSITIVE_INFINITY);
    this.#x = x;
    this.#y = y;
    this.#target = target;
    this.#epsilon = threat.epsilon;
    this.#norm = threat.norm;
    this.#minimal = minimal;
    this.#size = imageSize(x);
  }

  /** The samples still attacked. */
  get left(): number[] {
    return Array.from(this.broken.keys()).filter((n) => !this.finished(n));
  }

  finished(n: number): boolean {
    return this.broken[n]! && !this.#minimal;
  }

  /** Whether a prediction is what is looked for. */
  wanted(n: number, predicted: number): boolean {
    return this.#target ? predicted === this.#target[n] : predicted !== this.#y[n];
  }

  /** Records an image of sample n that is classified as wanted, where it is nearer than those before. */
  offer(n: number, images: Float32Array, row: number): void {
    const image = images.subarray(row * this.#size, (row + 1) * this.#size);
    const clean = this.#x.data.subarray(n * this.#size, (n + 1) * this.#size);
    const distance = distances[this.#norm](image, clean, 0, this.#size);
    if (!(distance < this.distances[n]!)) return;
    this.distances[n] = distance;
    if (distance <= at(this.#epsilon, n)) this.broken[n] = true;
    if (this.#minimal || this.broken[n]) this.adversarial.set(image, n * this.#size);
  }
}

/** Samples that go through the same steps together, row by row. */
export interface Batch {
  /** Which samples of the attack's input they are. */
  readonly indices: readonly number[];
  readonly clean: Images;
  readonly y: Int32Array;
  /** Classes whose boundaries with y are looked at: each `[N]`. */
  readonly aims: readonly Int32Array[];
  /** Where each is, shaped as `clean`; changed in place. */
  readonly current: Float32Array;
}

/** Samples of an attack's input, at their clean images. @param aims classes of all samples */
export function batchOf(
  { x, y }: Pick<AttackInput, 'x' | 'y'>,
  indices: readonly number[],
  aims: readonly Int32Array[],
): Batch {
  const clean = gather(x, indices);
  return {
    indices,
    clean,
    y: gatherLabels(y, indices),
    aims: aims.map((aim) => gatherLabels(aim, indices)),
    current: clean.data.slice(),
  };
}

/** Some rows of a batch; the batch itself where that is all of them. */
export function rowsOf(batch: Batch, rows: readonly number[]): Batch {
  if (rows.length === batch.indices.length) return batch;
  return {
    indices: rows.map((row) => batch.indices[row]!),
    clean: gather(batch.clean, rows),
    y: gatherLabels(batch.y, rows),
    aims: batch.aims.map((aim) => gatherLabels(aim, rows)),
    current: gather({ data: batch.current, shape: batch.clean.shape }, rows).data,
  };
}

/** Where a linearised model changes its mind: value + normal·(x′ − x) = 0. */
export interface Boundary {
  /** z_t − z_y at x, `[N]`; negative on y's side. */
  readonly value: Float32Array;
  /** Its gradient, shaped as x. */
  readonly normal: Float32Array;
}

/**
 * Each image's nearest boundary with one of the classes aimed at, by |z_t − z_y|/‖∇(z_t − z_y)‖ in the dual norm.
 *
 * One forward and one backward pass per image and class.
 */
export async function nearestBoundary(
  classifier: Classifier,
  { clean, current, y, aims }: Batch,
  norm: Norm,
): Promise<Boundary> {
  const images = { data: current, shape: clean.shape };
  const size = imageSize(clean);
  const length = lengths[dual[norm]];
  const best = new Float64Array(y.length).fill(Number.POSITIVE_INFINITY);
  let nearest: Boundary | undefined;
  for (const aim of aims) {
    const { loss: value, gradient: normal } = await classifier.gradient('margin-targeted', images, y, aim);
    if (aims.length === 1) return { value, normal };
    nearest ??= { value, normal };
    for (let n = 0; n < y.length; n++) {
      const distance = Math.abs(value[n]!) / (length(normal, n * size, size) + NOTHING);
      if (!(distance < best[n]!)) continue;
      best[n] = distance;
      nearest.value[n] = value[n]!;
      nearest.normal.set(normal.subarray(n * size, (n + 1) * size), n * size);
    }
  }
  if (!nearest) throw new Error('a boundary with no class');
  return nearest;
}

/** A class without a gradient is far away. */
const NOTHING = 1e-12;

/**
 * The classes other than y, the likeliest first: for each rank a class per image, `[count][N]`.
 *
 * @param logits `[N, K]`
 */
export function rankedClasses(
  logits: Float32Array,
  classes: number,
  y: Int32Array,
  count: number,
): Int32Array[] {
  const order = Array.from(y, (label, n) =>
    Array.from({ length: classes }, (_, k) => k)
      .filter((k) => k !== label)
      .sort((a, b) => logits[n * classes + b]! - logits[n * classes + a]!),
  );
  return Array.from({ length: Math.min(count, classes - 1) }, (_, rank) =>
    Int32Array.from(order, (ranked) => ranked[rank]!),
  );
}
