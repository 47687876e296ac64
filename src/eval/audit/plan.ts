import type { Key } from '../../random/index.ts';
import type { AttackName, AttackParameters } from '../attacks/index.ts';
import type { Classifier } from '../classifier.ts';
import type { Images } from '../images.ts';
import type { Threat } from '../threat.ts';
import type { Oracle } from '../verifier.ts';

/** An attack of a plan. */
export interface Stage {
  readonly attack: AttackName;
  readonly parameters: AttackParameters;
  /** Sees only the images that the stages before it left. @default false: all that are classified correctly */
  readonly survivors?: boolean;
  /** Forward and backward passes that each answer is averaged over. @default 1 */
  readonly eot?: number;
}

/** What is done to every image. */
export interface AuditPlan {
  readonly threat: Threat;
  readonly stages: readonly Stage[];
  /** Radii of the ε curve, as multiples of ε, rising; none for no curve. */
  readonly curve: readonly number[];
  readonly key: Key;
}

/** Image passes so far, forward and backward. */
export type ReadCounts = () => { readonly forwardImages: number; readonly backwardImages: number };

/** The model under audit. */
export interface AuditSubject {
  readonly classifier: Classifier;
  /** The model file on a session of its own. */
  readonly oracle: Oracle;
  readonly counts: ReadCounts;
  /** Largest batch that the model takes. */
  readonly maxBatch: number;
}

/** Some of the images, by their place among all: what an audit is resumed, stopped and split by. */
export interface Chunk {
  readonly index: number;
  /** In [0, 1]. */
  readonly x: Images;
  readonly y: Int32Array;
}

export interface AuditControls {
  readonly onProgress?: ((stage: string, fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a piece of work took. */
export interface Cost {
  readonly seconds: number;
  readonly forwards: number;
  readonly backwards: number;
}

export const NOTHING: Cost = { seconds: 0, forwards: 0, backwards: 0 };

export const addCosts = (a: Cost, b: Cost): Cost => ({
  seconds: a.seconds + b.seconds,
  forwards: a.forwards + b.forwards,
  backwards: a.backwards + b.backwards,
});

const now = (): number => performance.now() / 1000;

/** What some work gives, and what it took. */
export async function costing<T>(
  counts: ReadCounts,
  work: () => Promise<T>,
): Promise<{ value: T; cost: Cost }> {
  const before = counts();
  const start = now();
  const value = await work();
  const after = counts();
  const cost = {
    seconds: now() - start,
    forwards: after.forwardImages - before.forwardImages,
    backwards: after.backwardImages - before.backwardImages,
  };
  return { value, cost };
}
