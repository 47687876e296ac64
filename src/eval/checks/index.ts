import { batchComposition } from './batch-composition.ts';
import { blackBoxFindsMore } from './black-box-finds-more.ts';
import type { CheckSpec } from './check.ts';
import { converged } from './converged.ts';
import { epsilonMonotone } from './epsilon-monotone.ts';
import { finiteDifferences } from './finite-differences.ts';
import { graphRisks } from './graph-risks.ts';
import { noiseFindsMore } from './noise-finds-more.ts';
import { oneStepBeatsMany } from './one-step-beats-many.ts';
import { oneStepMisled } from './one-step-misled.ts';
import { saturatedSoftmax } from './saturated-softmax.ts';
import { squareAfterApgd } from './square-after-apgd.ts';
import { stablePredictions } from './stable-predictions.ts';
import { unboundedSucceeds } from './unbounded-succeeds.ts';
import { zeroGradients } from './zero-gradients.ts';

export type { CheckSpec, Evidence, Finding, Verdict } from './check.ts';

/** All checks by id, in the order of a report. docs/checks.md has a section for each. */
export const checks = {
  [noiseFindsMore.id]: noiseFindsMore,
  [oneStepBeatsMany.id]: oneStepBeatsMany,
  [oneStepMisled.id]: oneStepMisled,
  [epsilonMonotone.id]: epsilonMonotone,
  [unboundedSucceeds.id]: unboundedSucceeds,
  [blackBoxFindsMore.id]: blackBoxFindsMore,
  [converged.id]: converged,
  [squareAfterApgd.id]: squareAfterApgd,
  [zeroGradients.id]: zeroGradients,
  [saturatedSoftmax.id]: saturatedSoftmax,
  [stablePredictions.id]: stablePredictions,
  [batchComposition.id]: batchComposition,
  [finiteDifferences.id]: finiteDifferences,
  [graphRisks.id]: graphRisks,
} as const satisfies Record<string, CheckSpec>;
