/** The settings of a sweep: its columns, and what they are called. */
import { epsilonText, numberText, percent } from '../format.ts';
import type { SweepResult, SweepResultCell } from './schema.ts';

/** A column: the cells of one setting, by rising ε. */
export interface Column {
  readonly label: string;
  /** What tells it from a column of other steps. */
  readonly manner: string;
  readonly steps: number;
  readonly cells: readonly SweepResultCell[];
}

/** The columns in the order of the cells. What is the same in all is left out of their labels. */
export function columnsOf({ cells }: SweepResult): Column[] {
  const groups = new Map<string, SweepResultCell[]>();
  for (const cell of cells) {
    const name = JSON.stringify([cell.steps, cell.stepSize, cell.restarts]);
    groups.set(name, [...(groups.get(name) ?? []), cell]);
  }
  const columns = [...groups.values()];
  // A step size that comes with the steps is no setting of its own.
  const sizes = new Set(columns.map(([c]) => c!.stepSize)).size;
  const perSteps = new Set(columns.map(([c]) => `${c!.steps} ${c!.stepSize}`)).size;
  const showSizes = sizes > 1 && perSteps > new Set(columns.map(([c]) => c!.steps)).size;
  const showRestarts = new Set(columns.map(([c]) => c!.restarts)).size > 1;
  return columns.map((group) => {
    const [{ steps, stepSize, restarts, parameters }] = group as [SweepResultCell];
    const [one, many] = parameters.queries === undefined ? ['step', 'steps'] : ['query', 'queries'];
    const manner = [
      showSizes && stepSize !== null ? `of ${numberText(stepSize)} ε` : '',
      showRestarts && restarts !== null ? `× ${restarts}` : '',
    ].filter(Boolean);
    const label = [`${steps.toLocaleString('en-US')} ${steps === 1 ? one : many}`, ...manner].join(' ');
    return { label, manner: manner.join(' '), steps, cells: group };
  });
}

/** The radii of the rows, rising. */
export const radiiOf = ({ cells }: SweepResult): number[] =>
  [...new Set(cells.map((c) => c.epsilon))].sort((a, b) => a - b);

/** The smallest robust accuracy at each radius, over all settings. */
export const worstAt = ({ cells }: SweepResult, epsilon: number): number =>
  Math.min(...cells.filter((c) => c.epsilon === epsilon).map((c) => c.robustAccuracy));

/** What the sweep says, in a sentence. */
export function sweepSentence(sweep: SweepResult): string {
  const clean = percent(sweep.n === 0 ? 0 : sweep.correct / sweep.n);
  const largest = radiiOf(sweep).at(-1) ?? 0;
  const at = `${percent(worstAt(sweep, largest))} at ε = ${epsilonText(largest)}`;
  return `${clean} of the images are classified correctly without an attack, ${at}, the largest radius.`;
}
