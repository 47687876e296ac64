/** What an experiment would do, as text and as data. */
import { table } from 'table';
import type { ExperimentPlan } from '../experiment/plan.ts';
import type { Projection } from '../experiment/projection/index.ts';
import { formatDuration } from './progress.ts';

/** Cells that are listed one by one. */
const LISTED = 20;

export interface DryRun {
  readonly plan: ExperimentPlan;
  /** Ids of jobs that are done already. */
  readonly done: ReadonlySet<string>;
  readonly projection: Projection;
  readonly workers: number;
  readonly threads: number;
}

export function dryRunText({ plan, done, projection, workers, threads }: DryRun): string {
  const { kinds, seconds, wall, timed } = projection;
  const open = plan.cells.filter(({ merge }) => !done.has(merge));
  const cells = open.slice(0, LISTED).map((cell) => {
    const own = [cell.train, cell.export, ...cell.shards, cell.merge];
    const sum = own.reduce((all, id) => all + (id === null ? 0 : (seconds.get(id) ?? 0)), 0);
    return [cell.id, String(own.filter((id) => id !== null && !done.has(id)).length), formatDuration(sum)];
  });
  const rows = Object.entries(kinds).map(([kind, k]) => [kind, String(k.jobs), formatDuration(k.seconds)]);
  const right = { columns: { 1: { alignment: 'right' }, 2: { alignment: 'right' } } } as const;
  const share = `${workers} ${workers === 1 ? 'worker' : 'workers'} of ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return [
    `${plan.name}: ${plan.cells.length} cells, ${plan.jobs.length} jobs, ${done.size} of them done already`,
    table([['cell', 'jobs', 'projected'], ...cells], right).trimEnd(),
    ...(open.length > LISTED ? [`and ${open.length - LISTED} cells more`] : []),
    table([['jobs', 'number', 'projected'], ...rows], right).trimEnd(),
    `projected, not measured: ${formatDuration(wall)} with ${share}`,
    `from passes of networks that were timed here (${timed.toFixed(1)} s), as if no attack broke an image early; checks and starting not counted`,
  ].join('\n');
}

export const dryRunRecord = ({ plan, done, projection, workers, threads }: DryRun) => ({
  schema: 'touchstone-plan/1',
  name: plan.name,
  cells: plan.cells.map(({ id, train, export: exported, shards, merge }) => ({
    ...{ id, train, export: exported, shards, merge },
  })),
  jobs: plan.jobs.map(({ id, job, needs, title }) => ({
    ...{ id, kind: job.kind, needs, title, done: done.has(id) },
    projectedSeconds: projection.seconds.get(id) ?? null,
  })),
  projected: { ...projection.kinds, wallSeconds: projection.wall, workers, threads },
});
