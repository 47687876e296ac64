import {
  type ExportJob,
  type Job,
  jobId,
  type MergeJob,
  needsOf,
  shardsOf,
} from '../../../src/experiment/jobs.ts';
import type { Plan, PlannedJob } from '../../../src/experiment/scheduler.ts';

const common = { schema: 'touchstone-job/1', version: '0.0.0-test' } as const;
const engine = { name: 'onnxruntime', device: 'cpu' } as const;
const data = { name: 'mnist' };

/** Cells of one training, one export, some shards and a merge each, in the order of levels or of cells. */
export function planOf(cells: number, shards: number, name = 'tiny'): Plan {
  const jobs = Array.from({ length: cells }, (_, seed) => cellJobs(seed, shards)).flat();
  return { name, jobs, data: new Map([['mnist', 'mnist']]) };
}

function cellJobs(seed: number, shards: number): PlannedJob[] {
  const train: Job = { ...common, kind: 'train', settings: { seed }, data, engine };
  const exported: ExportJob = { ...common, kind: 'export', train: jobId(train) };
  const merge: MergeJob = {
    ...common,
    kind: 'merge',
    model: { export: jobId(exported) },
    data,
    engine,
    threat: { norm: 'linf', epsilon: 0.1 },
    limit: 64,
    chunk: 8,
    seed,
    of: shards,
  };
  return [train, exported, ...shardsOf(merge), merge].map((job) => ({
    id: jobId(job),
    job,
    needs: needsOf(job),
    title: `cell ${seed}`,
    cells: [`cell-${seed}`],
  }));
}
