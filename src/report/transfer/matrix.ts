/** The matrix of a transfer: rows of sources and attacks, columns of targets. */
import { percent } from '../format.ts';
import type { TransferResult, TransferResultCell } from './schema.ts';

export interface MatrixRow {
  readonly source: string;
  readonly attack: string;
  /** By target. */
  readonly cells: readonly TransferResultCell[];
}

export function rowsOf({ cells, targets }: TransferResult): MatrixRow[] {
  const rows = new Map<string, MatrixRow & { cells: TransferResultCell[] }>();
  for (const cell of cells) {
    const name = JSON.stringify([cell.source, cell.attack]);
    const row = rows.get(name) ?? { source: cell.source, attack: cell.attack, cells: [] };
    row.cells.push(cell);
    rows.set(name, row);
  }
  for (const row of rows.values())
    row.cells.sort((a, b) => place(targets, a.target) - place(targets, b.target));
  return [...rows.values()];
}

const place = (targets: TransferResult['targets'], name: string): number =>
  targets.findIndex((t) => t.name === name);

/** What it says of each target, in a sentence. */
export function transferSentences({ cells, targets }: TransferResult): string[] {
  return targets.map(({ name, accuracy }) => {
    const worst = (whiteBox: boolean) => {
      const on = cells.filter((c) => c.target === name && c.whiteBox === whiteBox);
      return on.reduce<TransferResultCell | undefined>(
        (a, b) => (a && a.accuracy <= b.accuracy ? a : b),
        undefined,
      );
    };
    const [white, black] = [worst(true), worst(false)];
    const parts = [
      `${percent(accuracy)} right without an attack`,
      black && `${percent(black.accuracy)} under examples made on ${black.source}`,
      white && `${percent(white.accuracy)} under examples made on itself`,
    ];
    return `${name} gets ${parts.filter(Boolean).join(', ')}.`;
  });
}
