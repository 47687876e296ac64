import type { AttackSpec } from './attack.ts';
import { fgsm } from './fgsm.ts';
import { gaat } from './gaat.ts';
import { noise } from './noise.ts';
import { pgd, pgdMargin } from './pgd.ts';

export type { AttackInput, AttackOutput, AttackParameters, AttackSpec } from './attack.ts';
export { approximateSteps } from './gaat.ts';

/** All attacks by the name that `--attacks` takes, cheapest first. */
export const attacks = {
  noise,
  fgsm,
  gaat,
  pgd,
  'pgd-margin': pgdMargin,
} as const satisfies Record<string, AttackSpec>;

export type AttackName = keyof typeof attacks;
