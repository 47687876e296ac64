/** The work of an audit, in chunks of images: all of it, or a shard's part. */
import { type DataSet, firstImages, loadData } from '../data/index.ts';
import {
  type AuditPlan,
  type AuditSubject,
  auditChunk,
  type ChunkSummary,
  type ModelCard,
  predictAll,
} from '../eval/index.ts';
import { key } from '../random/index.ts';
import { openFor, USUAL_LIMIT } from './attack-run.ts';
import type { AuditRunOptions } from './audit-options.ts';
import { type AuditFolder, loadPart, type PartShape, savePart } from './audit-parts.ts';
import type { StagePlan } from './audit-stages.ts';
import type { OpenModel } from './open-model.ts';
import { classifierOf } from './records.ts';

/** Everything that is known before the first attack. */
export interface Job {
  readonly options: AuditRunOptions;
  readonly data: DataSet;
  readonly opened: OpenModel;
  readonly subject: AuditSubject;
  readonly plan: AuditPlan;
  /** Images to attack. */
  readonly images: number;
  readonly chunkSize: number;
}

/** Radii of the ε curve, as multiples of ε. */
export const CURVE = [0.25, 0.5, 0.75, 1, 1.5, 2];
/** Images that are attacked together: what an audit is resumed and split by. Under a budget, what it may be cut off by. */
const CHUNK = 512;
const CHUNK_UNDER_BUDGET = 64;

/**
 * Opens data and model, does the work, and closes them.
 *
 * @param stagesFor what is done to a model like this
 * @throws TouchstoneError as the parts do, before any work where the request is wrong
 */
export async function withJob<T>(
  options: AuditRunOptions,
  stagesFor: (card: ModelCard) => StagePlan,
  work: (job: Job) => Promise<T>,
): Promise<T> {
  const data = await loadData(options.data, 'test');
  const opened = await openFor(data, options.model, options);
  try {
    const { stages, why } = stagesFor(opened.subject.card);
    for (const line of why) options.onNotice?.(line);
    return await work(prepared(options, stages, data, opened));
  } finally {
    await opened.close();
  }
}

function prepared(
  options: AuditRunOptions,
  stages: AuditPlan['stages'],
  data: DataSet,
  opened: OpenModel,
): Job {
  const { engine, threat, seed, budget } = options;
  const { fixedBatch, oracle } = opened;
  return {
    options,
    data,
    opened,
    subject: {
      classifier: classifierOf(engine, opened),
      oracle,
      counts: engine.counts,
      maxBatch: fixedBatch ?? 256,
    },
    plan: { threat, stages, curve: CURVE, key: key(seed) },
    images: Math.min(data.n, options.limit ?? USUAL_LIMIT),
    chunkSize: options.chunk ?? (budget === undefined ? CHUNK : CHUNK_UNDER_BUDGET),
  };
}

export const chunkCount = ({ images, chunkSize }: Pick<Job, 'images' | 'chunkSize'>): number =>
  Math.ceil(images / chunkSize);

/** Chunks `from` to `to`, the latter not included. */
export interface ChunkRange {
  readonly from: number;
  readonly to: number;
}

/** What a part must hold to be the chunk's. */
export function partShape({ data, plan, images, chunkSize, opened }: Job, index: number): PartShape {
  const from = index * chunkSize;
  const n = Math.min(chunkSize, images - from);
  return {
    labels: data.labels.subarray(from, from + n),
    size: data.shape.reduce((product, d) => product * d, 1),
    classes: opened.subject.card.classes,
    plan,
  };
}

export interface ChunksDone {
  readonly chunks: readonly ChunkSummary[];
  /** Seconds that went into those that were there already. */
  readonly earlier: number;
  /** How many of them were attacked now. */
  readonly attacked: number;
}

/**
 * The chunks of a range: read where they are done already, else attacked.
 *
 * @param folder where parts are looked for and left. @default nowhere
 * @param deadline set when no more should be begun: those that are done by then are given
 */
export async function attackChunks(
  job: Job,
  { from, to }: ChunkRange,
  folder: AuditFolder | undefined,
  deadline?: AbortSignal,
): Promise<ChunksDone> {
  const { options, data, plan, subject, images, chunkSize } = job;
  const signal = AbortSignal.any([options.signal, deadline].filter((s) => s !== undefined));
  const chunks: ChunkSummary[] = [];
  let [earlier, attacked] = [0, 0];
  for (let index = from; index < to; index++) {
    const done = folder && (await loadPart(folder, index, partShape(job, index)));
    if (done) {
      chunks.push(done);
      earlier += secondsIn(done);
      continue;
    }
    const first = index * chunkSize;
    const { x, y, shape } = firstImages(data, Math.min(chunkSize, images - first), first);
    const onProgress = progressOf(job, index, { from, to });
    try {
      const chunk = { index, x: { data: x, shape }, y };
      const outcome = await auditChunk(subject, plan, chunk, { onProgress, signal });
      if (folder) await savePart(folder, outcome);
      const { adversarial: _, ...summary } = outcome;
      chunks.push(summary);
      attacked += 1;
    } catch (error) {
      if (!deadline?.aborted || options.signal?.aborted) throw error;
      break;
    }
  }
  return { chunks, earlier, attacked };
}

const secondsIn = ({ stages, curve, verification }: ChunkSummary): number =>
  [...stages, ...curve, verification].reduce((sum, part) => sum + part.seconds, 0);

/** How far the chunks are as a whole: stages count alike, whatever they cost. */
function progressOf({ options, plan, images, chunkSize }: Job, index: number, { from, to }: ChunkRange) {
  const names: string[] = plan.stages.map((stage) => stage.attack);
  const last = Math.min(images, (index + 1) * chunkSize);
  const where = chunkSize < images ? `, images ${index * chunkSize + 1}–${last} of ${images}` : '';
  return (stage: string, fraction: number) => {
    const place = names.indexOf(stage);
    const within = ((place < 0 ? names.length : place) + fraction) / (names.length + 1);
    options.onProgress?.(
      `${stage}${where}`,
      to - from > 1 ? (index - from + within) / (to - from) : fraction,
    );
  };
}

/**
 * How many of all images the file itself classifies correctly.
 *
 * @param predicted labels that it gave to the first of them, while they were attacked
 */
export async function countCorrect({ options, data, subject }: Job, predicted: Int32Array): Promise<number> {
  const chunk = subject.maxBatch * 4;
  let correct = predicted.filter((label, i) => label === data.labels[i]).length;
  for (let from = predicted.length; from < data.n; from += chunk) {
    options.onProgress?.('clean accuracy', (from - predicted.length) / (data.n - predicted.length));
    const part = firstImages(data, chunk, from);
    const labels = await predictAll(subject.oracle, part.x, part.shape, subject.maxBatch);
    for (const [i, label] of labels.entries()) if (label === part.y[i]) correct += 1;
  }
  return correct;
}
