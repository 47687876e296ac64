/** The result of an audit that was made in shards: what the same audit in one piece would have written. */
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { type ChunkSummary, combine } from '../eval/index.ts';
import type { Result } from '../report/index.ts';
import { assertFree } from './audit-files.ts';
import { countCorrect, type Job, partShape, withJob } from './audit-job.ts';
import type { AuditRunOptions } from './audit-options.ts';
import { type AuditFolder, loadPart, pathOf } from './audit-parts.ts';
import { difference, sharedRequestOf } from './audit-request.ts';
import { conclude, writeResult } from './audit-run.ts';
import { foldersOf, type Shards } from './shards.ts';

/** `out` gets result.json, report.html and adversarial.npz; the shards' folders are only read. */
export interface MergeRunOptions
  extends Pick<
    AuditRunOptions,
    'out' | 'modelName' | 'engine' | 'commandLine' | 'onProgress' | 'onNotice' | 'signal'
  > {
  readonly shards: Shards;
  /** @default where the first shard found it */
  readonly model?: string;
  /** As `--data` takes it. @default as the first shard was told */
  readonly data?: string;
}

/**
 * Puts the parts together, then does what an audit does after its attacks: clean accuracy over all images, checks, verdict.
 *
 * @param options.engine of the kind that made the shards; its threads are free
 * @throws TouchstoneError E_DATA for another model, other data or a damaged part; E_ENGINE for another engine; else as an audit does
 */
export async function mergeRun({ shards, ...given }: MergeRunOptions): Promise<Result> {
  const started = performance.now();
  const { request, all } = shards;
  assertEngine(shards, given.engine);
  const options = optionsOf(shards, given);
  if (options.out) await assertFree(options.out, options.model);
  noticeCommits(shards, options);
  return withJob(
    options,
    () => ({ stages: request.stages, why: [] }),
    async (job) => {
      assertSubject(shards, job);
      const folders = foldersOf(shards);
      const figures = combine(await loadParts(job, folders));
      const cleanCorrect = await countCorrect(job, figures.predicted);
      const before = all.reduce((sum, { record }) => sum + record.seconds, 0);
      const seconds = () => before + (performance.now() - started) / 1000;
      const machines = machinesOf(shards);
      const result = await conclude(job, { figures, cleanCorrect, seconds, machines });
      await writeResult(job, result, figures, (chunk) => folders[chunk]!);
      return result;
    },
  );
}

/** The audit as it would have been asked for in one piece. */
function optionsOf({ request, all }: Shards, given: Omit<MergeRunOptions, 'shards'>): AuditRunOptions {
  const { threat, seed, images, chunkSize, preprocessing, output } = request;
  const { model, data } = all[0]!.record;
  return {
    model,
    data,
    ...given,
    threat,
    seed,
    limit: images,
    chunk: chunkSize,
    ...(preprocessing && { preprocessing }),
    ...(output !== null && { output }),
  };
}

function assertEngine({ request, all }: Shards, { name, device }: Engine): void {
  const { engine } = request;
  if (engine.name === name && engine.device === device) return;
  throw new TouchstoneError(
    'E_ENGINE',
    `${name} on ${device} (${all[0]!.dir} was made by ${engine.name} on ${engine.device})`,
    'the engine of the shards',
    `pass --engine ${engine.name} --device ${engine.device}`,
  );
}

/** That model, data and versions here are those of the shards. */
function assertSubject({ request, all }: Shards, job: Job): void {
  const found = difference(sharedRequestOf(job), request);
  if (!found) return;
  const { model, data } = job.options;
  const what = found.name === 'model' ? model : found.name.startsWith('data') ? data : 'this merge';
  throw new TouchstoneError(
    'E_DATA',
    `${what} has another ${found.name} (${found.a}; ${all[0]!.dir} has ${found.b})`,
    'what the shards were made of',
    what === 'this merge' ? 'merge where they were made' : 'name it with --model or --data',
  );
}

async function loadParts(job: Job, folders: readonly AuditFolder[]): Promise<ChunkSummary[]> {
  const chunks: ChunkSummary[] = [];
  for (const [index, folder] of folders.entries()) {
    job.options.signal?.throwIfAborted();
    job.options.onProgress?.('parts', index / folders.length);
    const part = await loadPart(folder, index, partShape(job, index));
    if (!part)
      throw new TouchstoneError('E_FILE', `${pathOf(folder, index)} is gone`, 'as it was a moment ago');
    chunks.push(part);
  }
  return chunks;
}

/** Each machine, with how many shards it made in how long; one that ran with other threads as another entry. */
function machinesOf({ all }: Shards): NonNullable<Result['machines']> {
  const found = new Map<string, NonNullable<Result['machines']>[number]>();
  for (const { record } of all) {
    const { gitCommit } = record.tool;
    const machine = { ...record.machine, ...(gitCommit !== undefined && { gitCommit }) };
    const id = JSON.stringify(machine);
    const { shards, seconds } = found.get(id) ?? { shards: 0, seconds: 0 };
    found.set(id, { ...machine, shards: shards + 1, seconds: seconds + record.seconds });
  }
  return [...found.values()];
}

/** Versions are the same; in a checkout the code may yet differ. */
function noticeCommits({ all }: Shards, { onNotice }: AuditRunOptions): void {
  const commits = new Set(all.flatMap(({ record }) => record.tool.gitCommit ?? []));
  if (commits.size > 1)
    onNotice?.(`The shards were made at ${commits.size} commits: ${[...commits].join(', ')}.`);
}
