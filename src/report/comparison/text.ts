/** How a comparison's figures are written, in the terminal and on the page. */
import { epsilonText, integer, normText, percentNumber, secondsNumber } from '../format.ts';
import type { Comparison, ComparisonTable, Statistic } from './schema.ts';

const NOTHING = '–';

const spread = (value: Statistic | null, of: (number: number) => string, sd = of): string => {
  if (value === null) return NOTHING;
  return value.sd === null ? of(value.mean) : `${of(value.mean)} ± ${sd(value.sd)}`;
};

/** In percent, without the sign: `93.1 ± 0.4`. */
export const accuracyText = (value: Statistic | null): string =>
  spread(value, percentNumber, (sd) => (100 * sd).toFixed(1));

export const countText = (value: Statistic | null): string => spread(value, integer);

export const timeText = (value: Statistic | null): string => spread(value, secondsNumber);

/** `−12 %` is more than pgd spends. */
export const savingText = (share: number | null): string =>
  share === null ? NOTHING : `${(100 * share).toFixed(0).replace('-', '−')}\u00a0%`;

/** What stands above a table. */
export const tableTitle = ({ model, data, epsilon }: ComparisonTable, { norm }: Comparison): string =>
  `${model} on ${data}, ${normText(norm)}, ε = ${epsilonText(epsilon)}`;

/** What all tables rest on, in a sentence or two. */
export function comparisonSentence({ cells, seeds }: Comparison): string {
  const failed = cells.filter((c) => c.failure !== null).length;
  const count = `${integer(cells.length)} ${cells.length === 1 ? 'cell' : 'cells'}`;
  const spreadOver =
    seeds.length > 1
      ? `Means ± sample standard deviations over ${seeds.length} seeds.`
      : 'One seed: nothing is said about the spread.';
  return `${count}, ${failed === 0 ? 'none failed' : `${integer(failed)} failed`}. ${spreadOver}`;
}
