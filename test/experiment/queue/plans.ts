/** Plans of jobs for the child that does no work: `fake-child.ts`. */
import {
  type Job,
  jobId,
  jobVersion,
  type MergeJob,
  needsOf,
  shardsOf,
} from '../../../src/experiment/jobs.ts';
import type { Plan, PlannedJob } from '../../../src/experiment/scheduler.ts';

/** What a job is told to do: see `fake-child.ts`. */
export type Orders = Readonly<Record<string, number>>;

const engine = { name: 'onnxruntime', device: 'cpu' } as const;
const common = { schema: 'touchstone-job/1', version: jobVersion() } as const;

export const trainJob = (seed: number, orders: Orders = {}): Job => ({
  ...common,
  kind: 'train',
  settings: { seed, ...orders },
  data: { name: 'mnist' },
  engine,
});

export const mergeJob = (exported: string, of: number, orders: Orders = {}, epsilon = 0.1): MergeJob => ({
  ...common,
  kind: 'merge',
  model: { export: exported },
  data: { name: 'mnist' },
  engine,
  threat: { norm: 'linf', epsilon },
  parameters: orders,
  limit: 64,
  chunk: 8,
  seed: 0,
  of,
});

/** A cell: a training run, its export, and an audit in shards at each radius. */
export function cell(
  seed: number,
  {
    train = {},
    audit = {},
    shards = 2,
    epsilons = [0.1],
  }: {
    train?: Orders;
    audit?: Orders;
    shards?: number;
    epsilons?: readonly number[];
  } = {},
): PlannedJob[] {
  const first = trainJob(seed, train);
  const exported: Job = { ...common, kind: 'export', train: jobId(first) };
  const merges = epsilons.map((epsilon) => mergeJob(jobId(exported), shards, audit, epsilon));
  const jobs: Job[] = [first, exported, ...merges.flatMap((merge) => [...shardsOf(merge), merge])];
  return jobs.map((job) => ({
    id: jobId(job),
    job,
    needs: needsOf(job),
    title: `fake ${seed}`,
    cells: [String(seed)],
  }));
}

export const planOf = (name: string, ...cells: readonly PlannedJob[][]): Plan => ({
  name,
  jobs: cells.flat(),
  data: new Map(),
});
