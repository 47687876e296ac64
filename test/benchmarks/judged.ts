/** Claims judged by records that are made up. */
import type { Found } from '../../benchmarks/claims/found.ts';
import { judge } from '../../benchmarks/claims/judge.ts';
import type { Judged } from '../../benchmarks/claims/judged.ts';
import { loadTables } from '../../benchmarks/claims/load.ts';

const tables = loadTables();
export const judged = (id: string, found: Partial<Found>): Judged =>
  judge(tables, { accuracies: [], times: [], ...found })
    .flatMap((t) => t.claims)
    .find((j) => j.claim.id === id)!;

export const origin = { record: 'records/made-up.json', machine: 'a machine' };
