/** The result that the shards of an audit make up. */
import { basename, join } from 'node:path';
import fs from 'fs-extra';
import { mergeRun } from '../../runs/merge-run.ts';
import { readShards } from '../../runs/shards.ts';
import { jobId, type MergeJob, shardsOf } from '../jobs.ts';
import { withAudited } from './audited.ts';
import type { Executor, Site } from './executor.ts';
import { MODEL } from './export.ts';
import { fetchOutput, outputNames } from './outputs.ts';
import { PARTS, SHARD_FILES } from './shard.ts';

const OUTPUTS = ['result.json', 'report.html', 'adversarial.npz'] as const;
export const RESULT = OUTPUTS[0];

export const executeMerge: Executor<MergeJob> = (job, site) =>
  withAudited(job, site, async ({ model, data, engine }) => {
    const dirs: string[] = [];
    for (const shard of shardsOf(job)) dirs.push(await fetchShard(jobId(shard), shard.index, site));
    const out = join(site.folder, 'result');
    await fs.remove(out); // of a try that was killed while it wrote
    const { signal, onProgress } = site.controls;
    await mergeRun({
      shards: await readShards(dirs),
      ...{ out, model, modelName: MODEL, data, engine, commandLine: [] },
      ...(signal && { signal }),
      onProgress: (stage, fraction) => onProgress?.(fraction, stage),
    });
    return new Map(OUTPUTS.map((name) => [name, join(out, name)] as const));
  });

/** Brings what a shard left. Returns its folder. */
async function fetchShard(id: string, index: number, { folder, place, controls }: Site): Promise<string> {
  const dir = join(folder, 'shards', String(index));
  const files: readonly string[] = SHARD_FILES;
  for (const name of await outputNames(place.store, id)) {
    controls.signal?.throwIfAborted();
    const path = files.includes(name) ? join(dir, name) : join(dir, PARTS, basename(name));
    await fetchOutput(place.store, id, name, path);
  }
  return dir;
}
