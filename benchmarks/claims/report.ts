/** What `touchstone claims` puts together: every claim judged, and what it was judged by. */
import { tool } from '../../src/io/index.ts';
import type { Curves, Lens } from './found.ts';
import { judge } from './judge.ts';
import type { JudgedTable } from './judged.ts';
import { loadTables } from './load.ts';
import { readRecords } from './records.ts';
import { PAPERS } from './schema.ts';
import { countVerdicts } from './text.ts';
import { POINTS, SHARE, type Verdict } from './verdict.ts';

export interface ClaimsReport {
  readonly benchmark: 'claims';
  readonly date: string;
  readonly tool: ReturnType<typeof tool>;
  readonly papers: typeof PAPERS;
  /** What reproduced means, in numbers: docs/claims.md. */
  readonly rules: { readonly accuracyPoints: number; readonly savingShare: number };
  /** Records that were read, and JSON files that are none that claims know. */
  readonly records: readonly string[];
  readonly passedOver: readonly string[];
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly tables: readonly JudgedTable[];
  /** What the papers' figures are drawn of. */
  readonly curves: readonly Curves[];
  /** What `bench gaat` saw of its second order. */
  readonly lenses: readonly Lens[];
}

/**
 * @param folders of records
 * @throws E_FILE, E_DATA for records that are not there or not as they should be
 */
export async function claimsReport(folders: readonly string[]): Promise<ClaimsReport> {
  const { read, passedOver, ...found } = await readRecords(folders);
  const tables = judge(loadTables(), found);
  return {
    benchmark: 'claims',
    date: new Date().toISOString(),
    tool: tool(),
    papers: PAPERS,
    rules: { accuracyPoints: POINTS, savingShare: SHARE },
    records: read,
    passedOver,
    counts: countVerdicts(tables),
    tables,
    curves: found.curves ?? [],
    lenses: found.lenses ?? [],
  };
}
