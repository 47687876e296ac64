/** Audits on disk: begun, interrupted, gone on with, finished. */
import { batch } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  type AuditFigures,
  type ChunkSummary,
  combine,
  type Evidence,
  evidenceOf,
  judge,
  referenceOf,
  runChecks,
  SAMPLE,
} from '../eval/index.ts';
import type { Result } from '../report/index.ts';
import { assertFree, writeAudit } from './audit-files.ts';
import { attackChunks, chunkCount, countCorrect, type Job, withJob } from './audit-job.ts';
import type { AuditRunOptions } from './audit-options.ts';
import { type AuditFolder, loadAdversarial, openAuditFolder, removeParts } from './audit-parts.ts';
import { requestOf } from './audit-request.ts';
import { assemble } from './audit-result.ts';
import { attackNames, stagesOf } from './audit-stages.ts';

export { assertFree } from './audit-files.ts';

/**
 * Audits a model file: reads everything first, so that a wrong request fails before any work, then attacks chunk after chunk,
 * then writes all files at once. Interrupted, it leaves in `out` what the same command goes on from.
 *
 * @throws TouchstoneError as the parts do; no result is written then
 */
export async function auditRun(options: AuditRunOptions): Promise<Result> {
  const started = performance.now();
  attackNames(options);
  if (options.out) await assertFree(options.out, options.model);
  const stagesFor = (card: Parameters<typeof stagesOf>[1]) => stagesOf(options, card);
  return withJob(options, stagesFor, async (job) => {
    const folder = options.out ? await openAuditFolder(options.out, requestOf(job)) : undefined;
    const range = { from: 0, to: chunkCount(job) };
    const { chunks } = await attackChunks(job, range, folder, deadlineOf(options, started));
    if (chunks.length === 0) throw nothingDone(job);
    const figures = combine(chunks);
    const cleanCorrect = await countCorrect(job, figures.predicted);
    const seconds = () => (performance.now() - started) / 1000;
    const result = await conclude(job, { figures, cleanCorrect, seconds });
    if (folder) {
      await writeResult(job, result, figures, () => folder);
      if (figures.n === job.images) await removeParts(folder);
    }
    return result;
  });
}

export interface Attacked {
  readonly figures: AuditFigures;
  readonly cleanCorrect: number;
  /** Spent on the whole, when all is done. */
  readonly seconds: () => number;
  /** Where the shards were made, if it was in shards. */
  readonly machines?: Result['machines'];
}

/** What follows the attacks: the checks, the verdict, the result. */
export async function conclude(job: Job, { figures, seconds, ...rest }: Attacked): Promise<Result> {
  const { options, data, opened } = job;
  options.onProgress?.('checks', 0);
  const findings = await runChecks(evidenceIn(job, figures));
  const judgement = judge({
    findings,
    verification: figures.verification,
    attacks: figures.stages.map((stage, i) => ({ ...job.plan.stages[i], ...stage })),
    epsilon: options.threat.epsilon,
  });
  return assemble(options, {
    ...rest,
    opened,
    data,
    planned: job.images,
    y: data.labels.subarray(0, figures.n),
    figures,
    findings,
    judgement,
    seconds: seconds(),
  });
}

/** Writes what a result consists of. @param folderOf where a chunk's part is */
export async function writeResult(
  { options, opened, data, chunkSize }: Job,
  result: Result,
  figures: AuditFigures,
  folderOf: (chunk: ChunkSummary['index']) => AuditFolder,
): Promise<void> {
  if (options.out === undefined) return;
  await writeAudit(options.out, result, figures, {
    data,
    card: opened.subject.card,
    predictor: opened.oracle,
    chunkSize,
    adversarial: (chunk) => loadAdversarial(folderOf(chunk), chunk),
  });
}

/** Set when the budget is spent, measured from the start of the run. */
function deadlineOf({ budget }: AuditRunOptions, started: number): AbortSignal | undefined {
  if (budget === undefined) return undefined;
  return AbortSignal.timeout(Math.max(0, Math.ceil(1000 * budget - (performance.now() - started))));
}

const nothingDone = ({ options, chunkSize }: Job): TouchstoneError =>
  new TouchstoneError(
    'E_RANGE',
    `nothing was attacked within ${options.budget} s`,
    `a budget for ${chunkSize} images at least`,
    'allow more time, or choose fewer attacks',
  );

function evidenceIn({ data, opened, subject, plan }: Job, figures: AuditFigures): Evidence {
  const { graph, card } = opened.subject;
  const correct = Array.from(figures.predicted.keys()).filter((i) => figures.predicted[i] === data.labels[i]);
  const indices = correct.slice(0, SAMPLE);
  const { x, y, shape } = batch(data, Uint32Array.from(indices));
  const sample = { x: { data: x, shape }, y };
  const { fixedBatch } = opened;
  return evidenceOf(subject, plan, figures, {
    card,
    sample,
    indices,
    fixedBatch,
    reference: referenceOf(graph),
  });
}
