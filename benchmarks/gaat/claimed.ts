/** The saving that the paper claims for GAAT, and what its own listings say in passes. */
import { loadTables, yardstickOf } from '../claims/load.ts';
import { oursOf } from '../claims/ours.ts';
import { passesOf } from '../claims/passes.ts';
import type { GaatRecord } from './record.ts';

/** Table 2's "Time saved", row by row. */
export function claimedSavings(): GaatRecord['claims'] {
  const tables = loadTables();
  const all = tables.flatMap((t) => t.claims);
  const saved = all.filter((c) => c.paper === 'gaat' && c.table === 'table 2' && c.quantity === 'saving');
  return saved.flatMap((claim) => {
    const yardstick = yardstickOf(claim, all);
    const [own, rat] = [oursOf(claim), yardstick ? oursOf(yardstick) : null];
    if (!own || !rat) return [];
    return [
      {
        ...{ data: claim.data, model: claim.model, method: own.method, steps: rat.steps },
        ...{ claimed: claim.value / 100, byPasses: 1 - passesOf(own)! / passesOf(rat)! },
      },
    ];
  });
}
