import type { ChunkOutcome, StageOutcome } from './chunk.ts';
import type { CurvePoint } from './curve.ts';
import { addCosts, NOTHING } from './plan.ts';
import { addTallies, noClaims, type Tally } from './tally.ts';

/** A chunk's outcome without its images, which are on the disk by then. */
export type ChunkSummary = Omit<ChunkOutcome, 'adversarial'>;

/** All chunks together: as if they had been one. */
export interface AuditFigures {
  readonly n: number;
  /** Labels given to the clean images, by the oracle. */
  readonly predicted: Int32Array;
  /** Labels given to the adversarial images. */
  readonly predictedAdversarial: Int32Array;
  readonly stages: readonly StageOutcome[];
  /** Per image: correct under every attack. */
  readonly robust: readonly boolean[];
  readonly verification: Tally;
  readonly curve: readonly CurvePoint[];
}

/** @param chunks of the same plan, in the order of their images, one at least */
export function combine(chunks: readonly ChunkSummary[]): AuditFigures {
  const labels = (of: (chunk: ChunkSummary) => Int32Array) =>
    Int32Array.from(chunks.flatMap((c) => [...of(c)]));
  const robust = chunks.flatMap((c) => c.robust);
  return {
    n: robust.length,
    predicted: labels((c) => c.predicted),
    predictedAdversarial: labels((c) => c.predictedAdversarial),
    stages: chunks[0]!.stages.map((_, s) => combinedStage(chunks.map((c) => c.stages[s]!))),
    robust,
    verification: chunks.reduce((sum, c) => addTallies(sum, c.verification), noClaims),
    curve: combinedCurve(chunks.map((c) => c.curve)),
  };
}

function combinedStage(parts: readonly StageOutcome[]): StageOutcome {
  const { attack, parameters, survivors } = parts[0]!;
  const error = parts.find((p) => p.error !== undefined)?.error;
  return {
    attack,
    parameters,
    survivors,
    broken: parts.flatMap((p) => p.broken),
    attacked: parts.reduce((sum, p) => sum + p.attacked, 0),
    ...parts.reduce((sum, p) => addCosts(sum, p), NOTHING),
    ...(error !== undefined && { error }),
  };
}

/** As far as all chunks have it. */
function combinedCurve(parts: readonly ChunkSummary['curve'][]): CurvePoint[] {
  const points = Math.min(...parts.map((curve) => curve.length));
  return parts[0]!.slice(0, points).map(({ epsilon }, i) => ({
    epsilon,
    standing: parts.reduce((sum, curve) => sum + curve[i]!.standing, 0),
    ...parts.reduce((sum, curve) => addCosts(sum, curve[i]!), NOTHING),
  }));
}
