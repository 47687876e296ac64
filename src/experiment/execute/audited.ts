/** What the shards of an audit and its merge have in common. */
import { join } from 'node:path';
import type { Engine } from '../../engine/index.ts';
import { writeFileAtomic } from '../../io/index.ts';
import { openEngine } from '../../runs/open-engine.ts';
import type { ModelRef, ShardJob } from '../jobs.ts';
import { checkedTestData } from './data.ts';
import type { Site } from './executor.ts';
import { MODEL } from './export.ts';
import { fetchOutput, readBlob } from './outputs.ts';

/** What both kinds of job say of their audit. */
type Request = Pick<ShardJob, 'model' | 'data' | 'engine'>;

/** The model and the data of an audit, on this machine, and an engine. */
export interface Audited {
  readonly model: string;
  readonly data: string;
  readonly engine: Engine;
}

/**
 * Brings what an audit needs, and takes the engine away again.
 *
 * @throws as the store, the data and the engine do
 */
export async function withAudited<T>(
  request: Request,
  { folder, place }: Site,
  work: (audited: Audited) => Promise<T>,
): Promise<T> {
  const data = await checkedTestData(request.data, place);
  const model = join(folder, MODEL);
  await fetchModel(request.model, model, place.store);
  const { name, device } = request.engine;
  const engine = await openEngine({
    engine: name,
    device,
    ...(place.threads !== undefined && { threads: place.threads }),
  });
  try {
    return await work({ model, data, engine });
  } finally {
    await engine.close();
  }
}

async function fetchModel(ref: ModelRef, path: string, store: Site['place']['store']): Promise<void> {
  if ('export' in ref) await fetchOutput(store, ref.export, MODEL, path);
  else await writeFileAtomic(path, await readBlob(store, ref.blob));
}
