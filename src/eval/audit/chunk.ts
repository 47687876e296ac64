import { type AttackName, type AttackOutput, type AttackParameters, attacks } from '../attacks/index.ts';
import { eot } from '../eot.ts';
import { gather, gatherLabels, imageSize } from '../images.ts';
import { predictAll, type Verification, verify } from '../verifier.ts';
import { type CurvePoint, epsilonCurve, type Targets } from './curve.ts';
import {
  type AuditControls,
  type AuditPlan,
  type AuditSubject,
  type Chunk,
  type Cost,
  costing,
  type Stage,
} from './plan.ts';
import { addTallies, noClaims, type Tally } from './tally.ts';

/** One attack on one chunk. */
export interface StageOutcome extends Cost {
  readonly attack: AttackName;
  readonly parameters: AttackParameters;
  readonly survivors: boolean;
  /**
   * Per image: misclassified after it, as the verifier confirms (or clean already; for a stage that sees only survivors, by a
   * stage before).
   */
  readonly broken: readonly boolean[];
  readonly attacked: number;
  /** Set where the attack crashed. It then counts as having broken nothing, and the result is not trusted. */
  readonly error?: string;
}

/** What an audit finds on one chunk. */
export interface ChunkOutcome {
  readonly index: number;
  /** Labels given to the clean images, by the oracle. */
  readonly predicted: Int32Array;
  readonly stages: readonly StageOutcome[];
  /** Per image: correct under every attack. */
  readonly robust: readonly boolean[];
  /** The example that breaks an image (the first attack's that did), else the last try; x itself where it is wrong already. */
  readonly adversarial: Float32Array;
  /** Labels given to `adversarial`, by the oracle. */
  readonly predictedAdversarial: Int32Array;
  readonly verification: Tally;
  readonly curve: readonly CurvePoint[];
}

/**
 * Attacks the images of a chunk that a model classifies correctly, stage after stage, and re-checks every success.
 *
 * @throws where the signal is set, or the oracle fails: a chunk is whole or nothing
 */
export async function auditChunk(
  subject: AuditSubject,
  plan: AuditPlan,
  chunk: Chunk,
  controls: AuditControls = {},
): Promise<ChunkOutcome> {
  const { x, y } = chunk;
  const { oracle, maxBatch } = subject;
  const key = plan.key.fold('chunk', chunk.index);
  const predicted = await predictAll(oracle, x.data, x.shape, maxBatch);
  const books = new Books(chunk, predicted);
  for (const stage of plan.stages) {
    controls.signal?.throwIfAborted();
    const indices = books.indicesFor(stage);
    const targets = { x: gather(x, indices), y: gatherLabels(y, indices) };
    const attackKey = key.fold('attack', stage.attack);
    const { value, cost } = await costing(subject.counts, () =>
      attempt(subject, plan, stage, targets, { ...controls, key: attackKey }),
    );
    controls.signal?.throwIfAborted(); // an attack that was cut short is none
    if (typeof value === 'string') books.crashed(stage, indices, cost, value);
    else books.enter(stage, indices, cost, value, await check(subject, plan, targets, value));
  }
  const correct = books.indicesFor({});
  const targets = { x: gather(x, correct), y: gatherLabels(y, correct) };
  const crashed = books.stages.some((stage) => stage.error !== undefined);
  const curve = await epsilonCurve(subject, plan, targets, { ...controls, key, crashed });
  const predictedAdversarial = await predictAll(oracle, books.adversarial, x.shape, maxBatch);
  books.restore(predictedAdversarial);
  const { stages, robust, adversarial, verification } = books;
  return {
    index: chunk.index,
    predicted,
    stages,
    robust,
    adversarial,
    predictedAdversarial,
    verification,
    curve,
  };
}

/** Runs an attack. What it throws is a result, in its words; nothing to attack is none broken. */
async function attempt(
  { classifier }: AuditSubject,
  { threat }: AuditPlan,
  { attack, parameters, eot: passes = 1 }: Stage,
  targets: Targets,
  { key, onProgress, signal }: AuditControls & { readonly key: AuditPlan['key'] },
): Promise<AttackOutput | string> {
  if (targets.y.length === 0) return { adversarial: new Float32Array(), broken: [] };
  const progress = (fraction: number) => onProgress?.(attack, fraction);
  try {
    return await attacks[attack].run({
      classifier: passes > 1 ? eot(classifier, passes) : classifier,
      ...targets,
      threat,
      parameters,
      key,
      onProgress: progress,
      ...(signal && { signal }),
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Re-checks what an attack claims. */
async function check(
  { oracle, maxBatch }: AuditSubject,
  { threat }: AuditPlan,
  { x, y }: Targets,
  { adversarial, broken }: AttackOutput,
): Promise<Checked> {
  const claims = broken.flatMap((b, i) => (b ? [i] : []));
  const clean = gather(x, claims);
  const found = gather({ data: adversarial, shape: x.shape }, claims);
  const start = performance.now();
  const claim = { x: clean.data, adversarial: found.data, y: gatherLabels(y, claims), shape: clean.shape };
  const { confirmed, ...verification } = await verify(oracle, claim, threat, { batchSize: maxBatch });
  const seconds = (performance.now() - start) / 1000;
  const verified = new Set(claims.filter((_, c) => confirmed[c]));
  return { verified, tally: { ...verification, checked: claims.length, seconds } };
}

interface Checked {
  /** Which of the images attacked are broken indeed. */
  readonly verified: ReadonlySet<number>;
  readonly tally: Tally & Omit<Verification, 'confirmed'>;
}

/** Who is broken, by what. */
class Books {
  readonly stages: StageOutcome[] = [];
  readonly robust: boolean[];
  readonly adversarial: Float32Array;
  verification = noClaims;
  readonly #chunk: Chunk;
  readonly #predicted: Int32Array;
  readonly #size: number;

  constructor(chunk: Chunk, predicted: Int32Array) {
    this.#chunk = chunk;
    this.#predicted = predicted;
    this.#size = imageSize(chunk.x);
    this.robust = Array.from(predicted, (label, i) => label === chunk.y[i]);
    this.adversarial = chunk.x.data.slice();
  }

  /** The images that a stage sees. */
  indicesFor({ survivors = false }: Pick<Stage, 'survivors'>): number[] {
    const all = Array.from(this.#predicted.keys());
    return all.filter((i) => (survivors ? this.robust[i] : this.#predicted[i] === this.#chunk.y[i]));
  }

  crashed(stage: Stage, indices: readonly number[], cost: Cost, error: string): void {
    this.#record(stage, this.#alreadyBroken(stage), indices.length, { ...cost, error });
  }

  enter(stage: Stage, indices: readonly number[], cost: Cost, output: AttackOutput, checked: Checked): void {
    this.verification = addTallies(this.verification, checked.tally);
    const broken = this.#alreadyBroken(stage);
    for (const [i, image] of indices.entries()) {
      const verified = checked.verified.has(i);
      if (verified) broken[image] = true;
      if (!this.robust[image]) continue; // an earlier attack's example stands
      if (output.broken[i] && !verified) continue; // a rejected claim leaves nothing behind
      const example = output.adversarial.subarray(i * this.#size, (i + 1) * this.#size);
      this.adversarial.set(example, image * this.#size);
      if (verified) this.robust[image] = false;
    }
    this.#record(stage, broken, indices.length, cost);
  }

  /** What a rejected claim left behind must not look like a success: falls back to the clean image. */
  restore(predictedAdversarial: Int32Array): void {
    const { x, y } = this.#chunk;
    for (const [i, robust] of this.robust.entries()) {
      if (!robust || predictedAdversarial[i] === y[i]) continue;
      this.adversarial.set(x.data.subarray(i * this.#size, (i + 1) * this.#size), i * this.#size);
      predictedAdversarial[i] = this.#predicted[i]!;
    }
  }

  #alreadyBroken({ survivors = false }: Stage): boolean[] {
    if (survivors) return this.robust.map((robust) => !robust);
    return Array.from(this.#predicted, (label, i) => label !== this.#chunk.y[i]);
  }

  #record(
    { attack, parameters, survivors = false }: Stage,
    broken: readonly boolean[],
    attacked: number,
    cost: Cost & { readonly error?: string },
  ): void {
    this.stages.push({ attack, parameters, survivors, broken, attacked, ...cost });
  }
}
