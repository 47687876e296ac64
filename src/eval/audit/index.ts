export { auditChunk, type ChunkOutcome, type StageOutcome } from './chunk.ts';
export { type AuditFigures, type ChunkSummary, combine } from './combine.ts';
export { CURVE_STEPS, type CurvePoint } from './curve.ts';
export { type EvidenceOptions, evidenceOf, SAMPLE } from './evidence.ts';
export type { AuditControls, AuditPlan, AuditSubject, Chunk, ReadCounts, Stage } from './plan.ts';
export type { Tally } from './tally.ts';
