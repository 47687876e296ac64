import type { Key } from '../random/index.ts';
import { type AttackName, type AttackParameters, type AttackSpec, attacks } from './attacks/index.ts';
import { checks, type Evidence, type Finding } from './checks/index.ts';
import type { Classifier } from './classifier.ts';
import { gather, gatherLabels, type Images, imageSize } from './images.ts';
import type { Reference } from './reference.ts';
import type { ModelCard } from './subject/index.ts';
import type { Threat } from './threat.ts';
import { type Oracle, predictAll, type Verification, verify } from './verifier.ts';

/** Image passes so far, forward and backward. */
export type ReadCounts = () => { readonly forwardImages: number; readonly backwardImages: number };

export interface AuditOptions {
  readonly card: ModelCard;
  readonly classifier: Classifier;
  /** The model file on a session of its own. */
  readonly oracle: Oracle;
  readonly counts: ReadCounts;
  /** The images to attack, in [0, 1]. */
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: Threat;
  readonly attacks: readonly AttackName[];
  readonly parameters?: AttackParameters;
  /** Radii of the ε curve, as multiples of ε. @default 0, ¼, ½, ¾, 1, 1½, 2 */
  readonly sweep?: readonly number[];
  readonly key: Key;
  /** Largest batch the model takes. */
  readonly maxBatch?: number;
  /** The batch size that the model was exported with, where it was fixed. */
  readonly fixedBatch?: number;
  /** The model in float64, for a check of its gradient. */
  readonly reference?: Reference;
  readonly onProgress?: (stage: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

export interface AttackOutcome {
  readonly name: AttackName;
  readonly parameters: AttackParameters;
  /** Per image: misclassified under this attack, as the verifier confirms (or clean already). */
  readonly broken: readonly boolean[];
  readonly attacked: number;
  readonly seconds: number;
  readonly forwards: number;
  readonly backwards: number;
  /** Set where the attack crashed. It then counts as having broken nothing, and the result is not trusted. */
  readonly error?: string;
}

export interface SweepOutcome {
  readonly attack: string;
  readonly epsilon: number;
  readonly robustAccuracy: number;
  readonly seconds: number;
  readonly forwards: number;
  readonly backwards: number;
}

export interface AuditOutcome {
  /** Labels given to the clean images, by the oracle. */
  readonly predicted: Int32Array;
  readonly attacks: readonly AttackOutcome[];
  /** Per image: correct under every attack. */
  readonly robust: readonly boolean[];
  /** The example that breaks an image (the first attack's that did), else the last try; x itself where it is wrong already. */
  readonly adversarial: Float32Array;
  /** Labels given to `adversarial`, by the oracle. */
  readonly predictedAdversarial: Int32Array;
  readonly verification: Omit<Verification, 'confirmed'> & {
    readonly checked: number;
    readonly seconds: number;
  };
  readonly findings: readonly (Finding & { readonly id: string; readonly title: string })[];
  readonly sweep: readonly SweepOutcome[];
}

const CURVE = [0.25, 0.5, 0.75, 1, 1.5, 2];
/** A curve shows a shape: 10 steps of a quarter of the radius are enough, at a quarter of the cost of 40. */
const CURVE_STEPS = 10;
/** Images that checks which need a few look at. */
const SAMPLE = 64;

const now = (): number => performance.now() / 1000;

/**
 * Attacks the images that a model classifies correctly, each attack on all of them, re-checks every success, and takes
 * the pointwise worst case.
 */
export async function audit(options: AuditOptions): Promise<AuditOutcome> {
  const { x, y, threat, oracle, classifier, key, maxBatch = 256, onProgress, signal } = options;
  const n = y.length;
  const size = imageSize(x);
  const predicted = await predictAll(oracle, x.data, x.shape, maxBatch);
  const correct = Array.from(y.keys()).filter((i) => predicted[i] === y[i]);
  const targets = { x: gather(x, correct), y: gatherLabels(y, correct) };

  const adversarial = x.data.slice();
  const robust = Array.from(y, (label, i) => predicted[i] === label);
  const outcomes: AttackOutcome[] = [];
  const broken = new Map<AttackName, readonly boolean[]>();
  const total = {
    rejected: 0,
    checked: 0,
    seconds: 0,
    maxDistance: null as number | null,
    tolerance: 0,
    alone: 0,
  };
  const reasons: Record<string, number> = {};

  for (const name of options.attacks) {
    signal?.throwIfAborted();
    const spec = attacks[name];
    const parameters = parametersOf(spec, threat, options.parameters);
    const before = options.counts();
    const start = now();
    const onAttack = (fraction: number) => onProgress?.(name, fraction);
    let output: Awaited<ReturnType<typeof spec.run>> | undefined;
    let error: string | undefined;
    try {
      const input = {
        classifier,
        ...targets,
        threat,
        parameters,
        key: key.fold('attack', name),
        onProgress: onAttack,
      };
      output = correct.length > 0 ? await spec.run(input) : undefined;
    } catch (e) {
      error = e instanceof Error ? e.message : String(e);
    }
    const seconds = now() - start;
    const after = options.counts();

    const isBroken = Array.from(y, (label, i) => predicted[i] !== label);
    if (output) {
      const claims = correct.map((_, i) => i).filter((i) => output.broken[i]);
      const claimed = {
        adversarial: gather({ data: output.adversarial, shape: targets.x.shape }, claims).data,
      };
      const clean = gather(targets.x, claims);
      const began = now();
      const verified = await verify(
        oracle,
        { x: clean.data, ...claimed, y: gatherLabels(targets.y, claims), shape: clean.shape },
        threat,
        { batchSize: maxBatch },
      );
      total.seconds += now() - began;
      total.checked += claims.length;
      total.rejected += verified.rejected;
      total.alone += verified.batchSizeOneMismatches;
      total.tolerance = verified.tolerance;
      if (verified.maxDistance !== null)
        total.maxDistance = Math.max(total.maxDistance ?? 0, verified.maxDistance);
      for (const [reason, count] of Object.entries(verified.reasons))
        reasons[reason] = (reasons[reason] ?? 0) + count;
      for (const [c, i] of claims.entries()) if (verified.confirmed[c]) isBroken[correct[i]!] = true;
      for (const [i, image] of correct.entries()) {
        if (!robust[image]) continue; // an earlier attack's example stands
        if (output.broken[i] && !isBroken[image]) continue; // a rejected claim leaves nothing behind
        adversarial.set(output.adversarial.subarray(i * size, (i + 1) * size), image * size);
        if (isBroken[image]) robust[image] = false;
      }
    }
    broken.set(name, isBroken);
    outcomes.push({
      name,
      parameters,
      broken: isBroken,
      attacked: correct.length,
      seconds,
      forwards: after.forwardImages - before.forwardImages,
      backwards: after.backwardImages - before.backwardImages,
      ...(error === undefined ? {} : { error }),
    });
  }

  const crashed = outcomes.some((o) => o.error !== undefined);
  const sweep = await epsilonCurve(options, targets, correct.length, crashed);
  const sample = gather(targets.x, [...targets.y.keys()].slice(0, SAMPLE));
  const evidence: Evidence = {
    card: options.card,
    classifier,
    oracle,
    x: sample,
    y: targets.y.slice(0, SAMPLE),
    key: key.fold('checks'),
    broken,
    sweep,
    maxBatch,
    ...(options.fixedBatch === undefined ? {} : { fixedBatch: options.fixedBatch }),
    ...(options.reference ? { reference: options.reference } : {}),
  };
  onProgress?.('checks', 0);
  const findings = await runChecks(evidence);
  const predictedAdversarial = await predictAll(oracle, adversarial, x.shape, maxBatch);
  // What a rejected claim left behind must not look like a success: fall back to the clean image.
  for (let i = 0; i < n; i++) {
    if (!robust[i] || predictedAdversarial[i] === y[i]) continue;
    adversarial.set(x.data.subarray(i * size, (i + 1) * size), i * size);
    predictedAdversarial[i] = predicted[i]!;
  }
  const { rejected, checked, seconds, maxDistance, tolerance, alone } = total;
  const verification = {
    rejected,
    checked,
    seconds,
    maxDistance,
    tolerance,
    reasons,
    batchSizeOneMismatches: alone,
  };
  return {
    predicted,
    attacks: outcomes,
    robust,
    adversarial,
    predictedAdversarial,
    verification,
    findings,
    sweep,
  };
}

/** The defaults, with what is given in place of those that the attack heeds. */
function parametersOf(spec: AttackSpec, threat: Threat, given: AttackParameters = {}): AttackParameters {
  const defaults = spec.defaults(threat);
  if (!spec.tunable) return defaults;
  const heeded = Object.entries(given).filter(([name]) => Object.hasOwn(defaults, name));
  return { ...defaults, ...Object.fromEntries(heeded) };
}

/** Runs every check that the evidence suffices for. One that crashes has failed. */
export async function runChecks(evidence: Evidence): Promise<AuditOutcome['findings']> {
  const findings: (Finding & { id: string; title: string })[] = [];
  for (const spec of Object.values(checks)) {
    const finding = await spec.run(evidence).catch(
      (error: unknown): Finding => ({
        verdict: 'fail',
        figures: {},
        message: `The check did not finish: ${error instanceof Error ? error.message : error}`,
      }),
    );
    if (finding) findings.push({ id: spec.id, title: spec.title, ...finding });
  }
  return findings;
}

/**
 * PGD over rising radii. An image broken at a smaller radius is broken at a larger one (its example
 * lies in that ball, too) and is not attacked again.
 *
 * @param crashed an attack has crashed already, and the result says so: where the curve's does too, it ends there
 */
async function epsilonCurve(
  { classifier, counts, threat, sweep = CURVE, key, y, onProgress, signal }: AuditOptions,
  targets: { x: Images; y: Int32Array },
  correct: number,
  crashed: boolean,
): Promise<SweepOutcome[]> {
  const name = `pgd-${CURVE_STEPS}`;
  const points: SweepOutcome[] = [];
  if (sweep.length === 0 || y.length === 0) return points;
  let left = targets;
  points.push({
    attack: name,
    epsilon: 0,
    robustAccuracy: correct / y.length,
    seconds: 0,
    forwards: 0,
    backwards: 0,
  });
  for (const [i, factor] of [...sweep].sort((a, b) => a - b).entries()) {
    signal?.throwIfAborted();
    const at: Threat = { ...threat, epsilon: threat.epsilon * factor };
    const before = counts();
    const start = now();
    if (left.y.length > 0) {
      const parameters = { steps: CURVE_STEPS, stepSize: at.epsilon / 4 };
      const input = { classifier, ...left, threat: at, parameters, key: key.fold('sweep', i) };
      const onCurve = (f: number) => onProgress?.(`ε curve ${i + 1}/${sweep.length}`, f);
      const output = await attacks.pgd.run({ ...input, onProgress: onCurve }).catch((error: unknown) => {
        if (!crashed) throw error;
      });
      if (!output) break;
      const standing = output.broken.flatMap((b, k) => (b ? [] : [k]));
      left = { x: gather(left.x, standing), y: gatherLabels(left.y, standing) };
    }
    const after = counts();
    points.push({
      attack: name,
      epsilon: at.epsilon,
      robustAccuracy: left.y.length / y.length,
      seconds: now() - start,
      forwards: after.forwardImages - before.forwardImages,
      backwards: after.backwardImages - before.backwardImages,
    });
  }
  return points;
}
