/** Means over seeds, and the tables that are made of them. */
import type { Comparison, ComparisonCell, ComparisonRow, ComparisonTable, Statistic } from './schema.ts';

/** Mean and sample standard deviation; null of nothing. */
export function statisticOf(values: readonly number[]): Statistic | null {
  const n = values.length;
  if (n === 0) return null;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n === 1) return { mean, sd: null, n };
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (n - 1)), n };
}

/** What a method spends less than another; null where one of the two is not known. */
const savingOf = (own: Statistic | null, other: Statistic | null): number | null =>
  own && other && other.mean > 0 ? 1 - own.mean / other.mean : null;

/** Cells that differ in their seeds alone, in the order in which they come. */
function grouped<T>(items: readonly T[], nameOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const list = groups.get(nameOf(item));
    if (list) list.push(item);
    else groups.set(nameOf(item), [item]);
  }
  return [...groups.values()];
}

/**
 * A table per model, data set and radius; a row per method.
 *
 * @param baseline labels of the method `pgd`, which others are compared with: the first that has a row
 */
export function tablesOf(
  cells: readonly ComparisonCell[],
  times: Comparison['times']['cells'],
  baseline: readonly string[],
): Pick<Comparison, 'tables'> & { rows: Comparison['times']['rows'] } {
  const groups = grouped(cells, (c) => JSON.stringify([c.data, c.model, c.epsilon]));
  const tables = groups.map((group) => tableOf(group, baseline));
  const rows = groups.map((group) => {
    const trainings = grouped(group, (c) => c.method).map((seeds) => ({
      method: seeds[0]!.method,
      training: statisticOf(seeds.flatMap((c) => times[c.id]?.training ?? [])),
    }));
    const pgd = trainings.find(({ method }) => baseline.includes(method))?.training ?? null;
    return trainings.map(({ training }) => ({ training, saving: savingOf(training, pgd) }));
  });
  return { tables, rows };
}

function tableOf(cells: readonly ComparisonCell[], baseline: readonly string[]): ComparisonTable {
  const [{ model, data, epsilon }] = cells as [ComparisonCell];
  const columns = [...new Set(cells.flatMap((c) => c.figures?.attacks.map(({ name }) => name) ?? []))];
  const rows = grouped(cells, (c) => c.method).map((seeds) => rowOf(seeds, columns));
  const pgd = rows.find(({ method }) => baseline.includes(method))?.backwards ?? null;
  return {
    model,
    data,
    epsilon,
    columns,
    rows: rows.map((r) => ({ ...r, saving: savingOf(r.backwards, pgd) })),
  };
}

function rowOf(seeds: readonly ComparisonCell[], columns: readonly string[]): ComparisonRow {
  const done = seeds.flatMap(({ figures }) => figures ?? []);
  return {
    method: seeds[0]!.method,
    failed: seeds.length - done.length,
    natural: statisticOf(done.map((f) => f.natural)),
    attacks: columns.map((column) =>
      statisticOf(done.flatMap((f) => f.attacks.find(({ name }) => name === column)?.robustAccuracy ?? [])),
    ),
    robust: statisticOf(done.map((f) => f.robust)),
    backwards: statisticOf(done.flatMap((f) => f.backwards ?? [])),
    saving: null,
    doubted: done.filter(({ belief }) => belief !== null && belief !== 'believable').length,
  };
}
