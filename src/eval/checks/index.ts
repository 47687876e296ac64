import type { CheckSpec } from './check.ts';
import { epsilonMonotone } from './epsilon-monotone.ts';
import { finiteDifferences } from './finite-differences.ts';
import { graphRisks } from './graph-risks.ts';
import { noiseFindsMore } from './noise-finds-more.ts';
import { oneStepBeatsMany } from './one-step-beats-many.ts';
import { stablePredictions } from './stable-predictions.ts';
import { zeroGradients } from './zero-gradients.ts';

export type { CheckSpec, Evidence, Finding, Verdict } from './check.ts';

/** All checks by id, in the order of a report. docs/checks.md has a section for each. */
export const checks = {
  [noiseFindsMore.id]: noiseFindsMore,
  [oneStepBeatsMany.id]: oneStepBeatsMany,
  [epsilonMonotone.id]: epsilonMonotone,
  [zeroGradients.id]: zeroGradients,
  [stablePredictions.id]: stablePredictions,
  [finiteDifferences.id]: finiteDifferences,
  [graphRisks.id]: graphRisks,
} as const satisfies Record<string, CheckSpec>;
