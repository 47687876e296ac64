/** The deployable model of a run, once it has been shown to compute the same. */
import { join } from 'node:path';
import { TouchstoneError } from '../../errors.ts';
import { exportRun } from '../../runs/export-run.ts';
import { openEngine } from '../../runs/open-engine.ts';
import { type ExportJob, jobId, jobSchema, type TrainJob } from '../jobs.ts';
import type { Store } from '../store.ts';
import { checkedTestData } from './data.ts';
import type { Executor } from './executor.ts';
import { fetchOutput, readOutput } from './outputs.ts';
import { PAYLOAD } from './train.ts';

export const MODEL = 'model.onnx';

export const executeExport: Executor<ExportJob> = async (job, { folder, place, controls }) => {
  const { data: ref, engine: wanted } = await trainJobOf(place.store, job.train);
  const data = await checkedTestData(ref, place);
  const dir = join(folder, 'run');
  for (const name of ['run.json', 'checkpoint.onnx'])
    await fetchOutput(place.store, job.train, name, join(dir, name));
  controls.signal?.throwIfAborted();
  const engine = await openEngine({
    engine: wanted.name,
    device: wanted.device,
    ...(place.threads !== undefined && { threads: place.threads }),
  });
  const out = join(folder, MODEL);
  try {
    await exportRun({ dir, out, data, engine });
  } finally {
    await engine.close();
  }
  return new Map([[MODEL, out]]);
};

/** The job that a run was. @throws E_DATA where it is not the one of that name */
async function trainJobOf(store: Store, id: string): Promise<TrainJob> {
  const bytes = await readOutput(store, id, PAYLOAD, 2 ** 20);
  const parsed = jobSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  if (parsed.success && parsed.data.kind === 'train' && jobId(parsed.data) === id) return parsed.data;
  throw new TouchstoneError(
    'E_DATA',
    `${PAYLOAD} of ${id.slice(0, 12)} is not that job`,
    'as it was written',
  );
}
