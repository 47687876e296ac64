/** Every claim beside what records hold of it: a verdict and its reason, none left out. */
import { commandOf } from './command.ts';
import type { Found } from './found.ts';
import { judgeAccuracy } from './judge-accuracy.ts';
import { judgeTime } from './judge-time.ts';
import type { JudgedTable } from './judged.ts';
import { type Judgement, missing, untested } from './judgement.ts';
import { type Claim, type ClaimTable, isTime, yardstickOf } from './load.ts';
import { oursOf, settingsOf } from './ours.ts';

function judgeSetting(claim: Claim): Judgement {
  const stands = claim.stands!;
  const ours = stands === 'epochs' ? oursOf(claim)!.epochs : settingsOf(claim)[stands];
  return untested(
    'value',
    claim.value,
    `a setting of the paper, no result: the recipe ${claim.recipe} has ${ours}`,
  );
}

function judgementOf(claim: Claim, all: readonly Claim[], found: Found): Judgement {
  if (isTime(claim)) return judgeTime(claim, all, found);
  if (claim.quantity === 'accuracy') return judgeAccuracy(claim, found);
  if (claim.quantity === 'setting') return judgeSetting(claim);
  return untested('value', claim.value, missing(claim, found));
}

/** All tables with a judgement of each claim. */
export function judge(tables: readonly ClaimTable[], found: Found): JudgedTable[] {
  const all = tables.flatMap((t) => t.claims);
  return tables.map(({ claims, ...table }) => ({
    ...table,
    claims: claims.map((claim) => ({
      claim,
      ...judgementOf(claim, all, found),
      commands: commandOf(claim, isTime(claim) ? yardstickOf(claim, all) : undefined),
    })),
  }));
}
