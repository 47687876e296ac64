import { apgdCe, apgdDlr, apgdT } from './apgd.ts';
import type { AttackSpec } from './attack.ts';
import { deepfool } from './deepfool.ts';
import { fab, fabT } from './fab.ts';
import { fgsm } from './fgsm.ts';
import { gaat } from './gaat.ts';
import { mim } from './mim.ts';
import { noise } from './noise.ts';
import { pgd, pgdMargin } from './pgd.ts';
import { pgdAdp } from './pgd-adp.ts';
import { square } from './square.ts';

export type { AttackInput, AttackOutput, AttackParameters, AttackSpec } from './attack.ts';
export { type EnsembleName, type EnsembleStage, ensembles } from './autoattack.ts';
export { approximateSteps } from './gaat.ts';

/** All attacks by the name that `--attacks` takes, cheapest first. */
export const attacks = {
  noise,
  fgsm,
  gaat,
  mim,
  deepfool,
  pgd,
  'pgd-margin': pgdMargin,
  'pgd-adp': pgdAdp,
  'apgd-ce': apgdCe,
  'apgd-dlr': apgdDlr,
  'apgd-t': apgdT,
  fab,
  'fab-t': fabT,
  square,
} as const satisfies Record<string, AttackSpec>;

export type AttackName = keyof typeof attacks;
