/** From the results of all cells to one comparison. */
import { tool } from '../io/index.ts';
import { type Comparison, type ComparisonCell, parseResult, type Result, tablesOf } from '../report/index.ts';
import { RESULT } from './execute/merge.ts';
import { readDone, readOutput } from './execute/outputs.ts';
import type { ExperimentPlan, PlannedCell } from './plan.ts';
import type { Outcome } from './scheduler.ts';
import type { Store } from './store.ts';

const MOST_RESULT = 2 ** 26;
const MOST_HISTORY = 2 ** 26;

interface Found {
  readonly cell: ComparisonCell;
  readonly times?: Comparison['times']['cells'][string];
}

/**
 * What the jobs came to: the same from whatever carried them, but for `times`, `createdAt` and the reasons of failures.
 *
 * @throws E_DATA, E_FILE where the store does not hold what the jobs left
 */
export async function compare(
  plan: ExperimentPlan,
  store: Store,
  outcomes: ReadonlyMap<string, Outcome>,
): Promise<Comparison> {
  const { experiment } = plan;
  const kinds = new Map(plan.jobs.map(({ id, job }) => [id, job.kind]));
  const found: Found[] = [];
  for (const cell of plan.cells) {
    const failure = failureOf(cell, outcomes, kinds);
    found.push(failure ? { cell: { ...placeOf(cell), figures: null, failure } } : await read(cell, store));
  }
  const cells = found.map(({ cell }) => cell);
  const times = Object.fromEntries(found.flatMap(({ cell, times }) => (times ? [[cell.id, times]] : [])));
  const { tables, rows } = tablesOf(cells, times, baselineOf(plan));
  return {
    schema: 'touchstone-comparison/1',
    tool: tool(),
    createdAt: new Date().toISOString(),
    name: experiment.name,
    norm: experiment.audit.norm,
    seeds: experiment.seeds,
    engine: { ...experiment.engine },
    ...{ cells, tables, times: { cells: times, rows } },
  };
}

const placeOf = ({ id, method, model, data, epsilon, seed }: PlannedCell) => ({
  ...{ id, method, model, data, epsilon, seed },
});

/** Labels of what trains by pgd. */
const baselineOf = ({ cells }: ExperimentPlan): string[] => [
  ...new Set(
    cells.flatMap(({ subject, method }) =>
      subject.kind === 'training' && subject.method === 'pgd' ? [method] : [],
    ),
  ),
];

/** The first of a cell's jobs that failed. */
function failureOf(
  { train, export: exported, shards, merge }: PlannedCell,
  outcomes: ReadonlyMap<string, Outcome>,
  kinds: ReadonlyMap<string, 'train' | 'export' | 'shard' | 'merge'>,
): ComparisonCell['failure'] {
  if (outcomes.get(merge)?.state === 'done') return null;
  for (const id of [train, exported, ...shards, merge]) {
    const outcome = id === null ? undefined : outcomes.get(id);
    if (outcome?.state === 'failed') return { job: kinds.get(id!)!, reason: outcome.reason };
  }
  return { job: 'merge', reason: 'not done' };
}

async function read(cell: PlannedCell, store: Store): Promise<Found> {
  const result = await resultOf(cell, store);
  const history = cell.train === null ? null : await historyOf(cell.train, store);
  const audits = await Promise.all([...cell.shards, cell.merge].map((id) => readDone(store, id)));
  return {
    cell: {
      ...placeOf(cell),
      figures: {
        natural: result.clean.accuracy,
        robust: result.robustAccuracy,
        attacks: result.attacks.map(({ name, robustAccuracy }) => ({ name, robustAccuracy })),
        images: result.robust.n,
        belief: result.verdict?.belief ?? null,
        backwards: history && total(history, 'backwardPasses'),
      },
      failure: null,
    },
    times: {
      training: history && total(history, 'seconds'),
      audit: audits.reduce((sum, done) => sum + (done?.seconds ?? 0), 0),
    },
  };
}

/** What an epoch says of its costs. */
interface Epoch {
  readonly seconds: number;
  readonly backwardPasses: number;
}

const total = (epochs: readonly Epoch[], of: keyof Epoch): number =>
  epochs.reduce((sum, epoch) => sum + epoch[of], 0);

async function resultOf({ merge }: PlannedCell, store: Store): Promise<Result> {
  const bytes = await readOutput(store, merge, RESULT, MOST_RESULT);
  return parseResult(JSON.parse(new TextDecoder().decode(bytes)));
}

async function historyOf(train: string, store: Store): Promise<Epoch[]> {
  const text = new TextDecoder().decode(await readOutput(store, train, 'history.jsonl', MOST_HISTORY));
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Epoch);
}
