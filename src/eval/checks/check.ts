import type { Key } from '../../random/index.ts';
import type { AttackName, AttackParameters } from '../attacks/index.ts';
import type { Classifier } from '../classifier.ts';
import type { Images } from '../images.ts';
import type { Reference } from '../reference.ts';
import type { ModelCard } from '../subject/index.ts';
import type { Threat } from '../threat.ts';
import type { Oracle } from '../verifier.ts';

export type Verdict = 'pass' | 'warn' | 'fail';

/** What an audit has found by the time its checks run. */
export interface Evidence {
  readonly card: ModelCard;
  readonly classifier: Classifier;
  readonly oracle: Oracle;
  /** A few clean images that are classified correctly, and their labels. */
  readonly x: Images;
  readonly y: Int32Array;
  readonly key: Key;
  /** Where these stand among the images of `broken`. */
  readonly indices?: readonly number[];
  /** What the images were attacked within; absent where nothing was. Checks that attack need it. */
  readonly threat?: Threat;
  /** What PGD is told in place of its defaults. */
  readonly parameters?: AttackParameters;
  /** Per attack that ran: which samples it broke (confirmed by the verifier). */
  readonly broken: ReadonlyMap<AttackName, readonly boolean[]>;
  /** The same of examples that were made on other models. */
  readonly transferred?: readonly boolean[];
  /** The ε curve, by rising ε. */
  readonly sweep: readonly { readonly epsilon: number; readonly robustAccuracy: number }[];
  /** Images the model may be given at once. */
  readonly maxBatch: number;
  /** The batch size that the model was exported with, where it was fixed. */
  readonly fixedBatch?: number;
  /** The model in float64, where there is one to compare with. */
  readonly reference?: Reference;
}

export interface Finding {
  readonly verdict: Verdict;
  /** What the verdict rests on. */
  readonly figures: Readonly<Record<string, number | string>>;
  /** One sentence. */
  readonly message: string;
}

/** A check gives undefined where the evidence it needs was not gathered. */
export interface CheckSpec {
  readonly id: string;
  readonly title: string;
  run(evidence: Evidence): Promise<Finding | undefined>;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
