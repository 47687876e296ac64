import type { Key } from '../../random/index.ts';
import { type Classifier, predictions } from '../classifier.ts';
import { gather, gatherLabels, type Images, imageSize } from '../images.ts';
import type { Threat } from '../threat.ts';

/** What an attack can be told; each attack's file says which it heeds and what it takes by default. */
export interface AttackParameters {
  readonly steps?: number;
  /** In pixel space. */
  readonly stepSize?: number;
  readonly restarts?: number;
}

export interface AttackInput {
  readonly classifier: Classifier;
  /** Clean images, classified correctly. */
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: Threat;
  readonly parameters: AttackParameters;
  readonly key: Key;
  /** Called as samples are finished with, for a progress bar. */
  readonly onProgress?: (fraction: number) => void;
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
  /** The parameters that are used where none are given, for the record. */
  defaults(threat: Threat): Required<AttackParameters>;
  run(input: AttackInput): Promise<AttackOutput>;
}

/**
 * The samples an attack still works on. A sample leaves as soon as it is misclassified, and those that stay are
 * moved together, so that no pass is spent on a sample already broken.
 */
export class Survivors {
  readonly adversarial: Float32Array;
  readonly broken: boolean[];
  #indices: number[];
  #clean: Images;
  #labels: Int32Array;
  readonly #classes: number;
  readonly #size: number;

  constructor(x: Images, y: Int32Array, classes: number, start: Float32Array = x.data) {
    this.adversarial = start.slice();
    this.broken = new Array<boolean>(y.length).fill(false);
    this.#indices = Array.from(y.keys());
    this.#clean = x;
    this.#labels = y;
    this.#classes = classes;
    this.#size = imageSize(x);
  }

  get clean(): Images {
    return this.#clean;
  }

  get labels(): Int32Array {
    return this.#labels;
  }

  get indices(): readonly number[] {
    return this.#indices;
  }

  get count(): number {
    return this.#indices.length;
  }

  /**
   * Records the images that the logits show to be misclassified, and keeps the others.
   *
   * @param x the images the logits were computed from, one per survivor
   * @param companions arrays with as many elements as x (a gradient, say), compacted alike
   * @returns x and its companions, of the survivors that are left
   */
  sift(x: Float32Array, logits: Float32Array, ...companions: Float32Array[]): Float32Array[] {
    const predicted = predictions(logits, this.#classes);
    const keep: number[] = [];
    for (let i = 0; i < predicted.length; i++) {
      const index = this.#indices[i]!;
      this.adversarial.set(x.subarray(i * this.#size, (i + 1) * this.#size), index * this.#size);
      if (predicted[i] !== this.#labels[i]) this.broken[index] = true;
      else keep.push(i);
    }
    if (keep.length === predicted.length) return [x, ...companions];
    const all = [x, ...companions].map(
      (data) => gather({ data, shape: [predicted.length, this.#size] }, keep).data,
    );
    this.#clean = gather(this.#clean, keep);
    this.#labels = gatherLabels(this.#labels, keep);
    this.#indices = keep.map((i) => this.#indices[i]!);
    return all;
  }
}
