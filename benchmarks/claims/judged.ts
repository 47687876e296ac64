import type { Judgement } from './judgement.ts';
import type { Claim, ClaimTable } from './load.ts';

export interface Judged extends Judgement {
  readonly claim: Claim;
  /** What measures it here, one after another; null where nothing can. */
  readonly commands: readonly string[] | null;
}

export interface JudgedTable extends Omit<ClaimTable, 'claims'> {
  readonly claims: readonly Judged[];
}
