/** Attacks, checks and the audit that composes them. */

export { type AdaptivePlan, adaptivePlan } from './adaptive.ts';
export { ascentGraph, ascentStep } from './ascent.ts';
export * from './attacks/index.ts';
export * from './audit/index.ts';
export * from './checks/index.ts';
export { type NamedFinding, runChecks } from './checks/run.ts';
export * from './classifier.ts';
export { type EngineClassifierOptions, engineClassifier } from './engine-classifier.ts';
export { eot } from './eot.ts';
export * from './images.ts';
export * from './preprocessing.ts';
export { type Reference, referenceOf } from './reference.ts';
export * from './subject/index.ts';
export {
  defaultStepSize,
  type Sweep,
  type SweepCell,
  type SweepOptions,
  sweep,
} from './sweep.ts';
export type { SweepSetting } from './sweep-setting.ts';
export * from './threat.ts';
export {
  type Transfer,
  type TransferCell,
  type TransferOptions,
  type TransferRun,
  type TransferSource,
  type TransferTarget,
  transfer,
} from './transfer.ts';
export { type Belief, type Judgement, judge } from './verdict.ts';
export { type Oracle, padded, predictAll, type Verification, verify } from './verifier.ts';
