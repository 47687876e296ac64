import { batchDependent } from './batch-dependent.ts';
import { dropout } from './dropout.ts';
import { hardLabels } from './hard-labels.ts';
import { noisy } from './noisy.ts';
import { quantised } from './quantised.ts';
import { saturated } from './saturated.ts';
import { shattered } from './shattered.ts';
import type { BrokenDefence } from './spec.ts';

export type { BrokenDefence } from './spec.ts';

/** Defences that break attacks and not the model's weakness, by name. */
export const brokenDefences = {
  [saturated.name]: saturated,
  [quantised.name]: quantised,
  [noisy.name]: noisy,
  [dropout.name]: dropout,
  [hardLabels.name]: hardLabels,
  [shattered.name]: shattered,
  [batchDependent.name]: batchDependent,
} as const satisfies Record<string, BrokenDefence>;
