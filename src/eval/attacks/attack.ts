import type { Key } from '../../random/index.ts';
import { type AttackLoss, type Classifier, predictions } from '../classifier.ts';
import { gather, gatherLabels, type Images, imageSize } from '../images.ts';
import { type Ball, gatherRadii, type Threat } from '../threat.ts';

/** What an attack can be told; each attack's file says which it heeds and what it takes by default. */
export interface AttackParameters {
  readonly steps?: number;
  /** In pixel space, at the largest radius; smaller radii have smaller steps in proportion. */
  readonly stepSize?: number;
  readonly restarts?: number;
  /** Forward passes per image, of attacks without gradients. */
  readonly queries?: number;
  /** Classes aimed at one after the other, the likeliest first. */
  readonly targets?: number;
  /** What is ascended, of attacks that choose it by the number of classes. */
  readonly loss?: AttackLoss;
}

export interface AttackInput {
  readonly classifier: Classifier;
  /** Clean images, classified correctly. */
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: Ball;
  /** The classes wanted, `[N]`: nothing less counts. @default any but y */
  readonly target?: Int32Array;
  readonly parameters: AttackParameters;
  readonly key: Key;
  /** Called as samples are finished with, for a progress bar. */
  readonly onProgress?: (fraction: number) => void;
  /** Ends the attack with what it has found so far. */
  readonly signal?: AbortSignal;
}

export interface AttackOutput {
  /** The images found, shaped as x; where the attack failed, its last try. */
  readonly adversarial: Float32Array;
  /** Whether the attack says that sample n is misclassified now. The verifier decides. */
  readonly broken: readonly boolean[];
}

export interface AttackSpec {
  readonly name: string;
  readonly about: string;
  readonly source: string;
  readonly norms: readonly Threat['norm'][];
  /** Whether given parameters replace the defaults; a yardstick that checks compare with always runs as it is. */
  readonly tunable: boolean;
  /** Whether it can aim at a class (`AttackInput.target`). @default false */
  readonly targeted?: boolean;
  /**
   * Whether its first steps (or queries, or restarts) are what fewer of them would be, at the same step size and key: what
   * fewer break, more break. @default false
   */
  readonly continues?: boolean;
  /** How many classes it needs. @default 2 */
  readonly minClasses?: number;
  /**
   * The parameters that it heeds and uses where none are given, for the record.
   *
   * @param classes of the model, where some depend on it. @default many
   */
  defaults(threat: Threat, classes?: number): AttackParameters;
  run(input: AttackInput): Promise<AttackOutput>;
}

export interface SurvivorsOptions {
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: Ball;
  readonly target?: Int32Array | undefined;
  readonly classes: number;
}

/**
 * The samples an attack still works on. A sample leaves as soon as it is misclassified, and those that stay are
 * moved together, so that no pass is spent on a sample already broken.
 */
export class Survivors implements AttackOutput {
  readonly adversarial: Float32Array;
  readonly broken: boolean[];
  #indices: readonly number[];
  #clean: Images;
  #labels: Int32Array;
  #target: Int32Array | undefined;
  #threat: Ball;
  readonly #classes: number;
  readonly #size: number;

  constructor({ x, y, threat, target, classes }: SurvivorsOptions) {
    this.adversarial = x.data.slice();
    this.broken = new Array<boolean>(y.length).fill(false);
    this.#indices = Array.from(y.keys());
    this.#clean = x;
    this.#labels = y;
    this.#target = target;
    this.#threat = threat;
    this.#classes = classes;
    this.#size = imageSize(x);
  }

  get clean(): Images {
    return this.#clean;
  }

  get labels(): Int32Array {
    return this.#labels;
  }

  /** The classes wanted of those left; undefined where any but the label is. */
  get target(): Int32Array | undefined {
    return this.#target;
  }

  /** With the radii of those left. */
  get threat(): Ball {
    return this.#threat;
  }

  get indices(): readonly number[] {
    return this.#indices;
  }

  get count(): number {
    return this.#indices.length;
  }

  /**
   * Records the images that the logits show to be misclassified (or classified as wanted), and keeps the others.
   *
   * @param x the images the logits were computed from, one per survivor
   * @param companions arrays with as many elements as x (a gradient, say), or one element per image (a loss), compacted alike
   * @returns x and its companions, of the survivors that are left
   */
  sift(x: Float32Array, logits: Float32Array, ...companions: Float32Array[]): Float32Array[] {
    const predicted = predictions(logits, this.#classes);
    const keep: number[] = [];
    for (let i = 0; i < predicted.length; i++) {
      const index = this.#indices[i]!;
      this.adversarial.set(x.subarray(i * this.#size, (i + 1) * this.#size), index * this.#size);
      if (this.#lost(predicted[i]!, i)) this.broken[index] = true;
      else keep.push(i);
    }
    if (keep.length === predicted.length) return [x, ...companions];
    this.#keep(keep);
    return [x, ...companions].map((data) => {
      const shape = [predicted.length, data.length / predicted.length];
      return gather({ data, shape }, keep).data;
    });
  }

  /**
   * As `sift`, but all stay until `release`: for a model that answers by chance, where a first misclassification may not come
   * again. The last misclassified image of each sample is what stands.
   */
  note(x: Float32Array, logits: Float32Array): void {
    const predicted = predictions(logits, this.#classes);
    for (let i = 0; i < predicted.length; i++) {
      const index = this.#indices[i]!;
      const lost = this.#lost(predicted[i]!, i);
      if (this.broken[index] && !lost) continue;
      this.adversarial.set(x.subarray(i * this.#size, (i + 1) * this.#size), index * this.#size);
      this.broken[index] = lost;
    }
  }

  /** Lets those go that were noted to be misclassified. */
  release(): void {
    const keep = Array.from(this.#indices.keys()).filter((i) => !this.broken[this.#indices[i]!]);
    if (keep.length < this.count) this.#keep(keep);
  }

  #keep(kept: readonly number[]): void {
    this.#clean = gather(this.#clean, kept);
    this.#labels = gatherLabels(this.#labels, kept);
    this.#target = this.#target && gatherLabels(this.#target, kept);
    this.#threat = gatherRadii(this.#threat, kept);
    this.#indices = kept.map((i) => this.#indices[i]!);
  }

  #lost(predicted: number, i: number): boolean {
    return this.#target ? predicted === this.#target[i] : predicted !== this.#labels[i];
  }
}

/** `sift`, or for a model that answers by chance `note`, with which all stay. @returns x and its companions, of those left */
export function look(
  { stochastic }: Classifier,
  left: Survivors,
  x: Float32Array,
  logits: Float32Array,
  ...companions: Float32Array[]
): Float32Array[] {
  if (!stochastic) return left.sift(x, logits, ...companions);
  left.note(x, logits);
  return [x, ...companions];
}
