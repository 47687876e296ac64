import type { Evidence } from '../checks/index.ts';
import type { Reference } from '../reference.ts';
import type { ModelCard } from '../subject/index.ts';
import type { AuditFigures } from './combine.ts';
import type { Targets } from './curve.ts';
import type { AuditPlan, AuditSubject } from './plan.ts';

/** Images that checks which need a few look at. */
export const SAMPLE = 64;

export interface EvidenceOptions {
  readonly card: ModelCard;
  /** The first images that are classified correctly, `SAMPLE` at most. */
  readonly sample: Targets;
  /** Where they stand among the images of the audit. */
  readonly indices?: readonly number[];
  /** The batch size that the model was exported with, where it was fixed. */
  readonly fixedBatch?: number | undefined;
  /** The model in float64, for a check of its gradient. */
  readonly reference?: Reference | undefined;
}

/** What the checks judge an audit by. */
export const evidenceOf = (
  { classifier, oracle, maxBatch }: AuditSubject,
  { key, threat, stages: planned }: AuditPlan,
  { n, stages, curve }: AuditFigures,
  { card, sample, indices, fixedBatch, reference }: EvidenceOptions,
): Evidence => ({
  card,
  classifier,
  oracle,
  ...sample,
  ...(indices ? { indices } : {}),
  key: key.fold('checks'),
  threat,
  parameters: planned.find((stage) => stage.attack === 'pgd')?.parameters ?? {},
  // An attack that crashed broke nothing, which says nothing of the model.
  broken: new Map(stages.filter((s) => s.error === undefined).map((s) => [s.attack, s.broken])),
  sweep: curve.map(({ epsilon, standing }) => ({ epsilon, robustAccuracy: standing / n })),
  maxBatch,
  ...(fixedBatch === undefined ? {} : { fixedBatch }),
  ...(reference ? { reference } : {}),
});
