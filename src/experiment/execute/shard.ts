/** Some of an audit's chunks, gone on with where this folder holds some of them. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { shardRun } from '../../runs/shard-run.ts';
import type { ShardJob } from '../jobs.ts';
import { withAudited } from './audited.ts';
import type { Executor } from './executor.ts';
import { MODEL } from './export.ts';

/** What a shard leaves beside its parts. */
export const SHARD_FILES = ['audit.json', 'shard.json'] as const;
export const PARTS = 'parts';

export const executeShard: Executor<ShardJob> = (job, site) =>
  withAudited(job, site, async ({ model, data, engine }) => {
    const { attacks, parameters, threat, limit, chunk, seed, index, of } = job;
    const { signal, onProgress } = site.controls;
    const out = join(site.folder, 'shard');
    await shardRun({
      ...{ model, modelName: MODEL, data, engine, threat, limit, chunk, seed, out, commandLine: [] },
      shard: { index, of },
      ...(attacks && { attacks }),
      ...(parameters && { parameters }),
      ...(signal && { signal }),
      onProgress: (stage, fraction) => onProgress?.(fraction, stage),
    });
    const parts = (await fs.readdir(join(out, PARTS))).filter((name) => name.endsWith('.npz')).sort();
    return new Map([
      ...SHARD_FILES.map((name) => [name, join(out, name)] as const),
      ...parts.map((name) => [name, join(out, PARTS, name)] as const),
    ]);
  });
