/** Audits on disk: begun, interrupted, gone on with, finished. */
import { batch, type DataSet, firstImages, loadData } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  type AttackParameters,
  type AuditFigures,
  type AuditPlan,
  type AuditSubject,
  auditChunk,
  type ChunkSummary,
  combine,
  type Evidence,
  evidenceOf,
  judge,
  predictAll,
  referenceOf,
  runChecks,
  SAMPLE,
  type Stage,
  type Threat,
} from '../eval/index.ts';
import { packageVersion } from '../io/index.ts';
import { key } from '../random/index.ts';
import type { Result } from '../report/index.ts';
import { type AttackRunOptions, openFor, USUAL_LIMIT } from './attack-run.ts';
import { assertFree, writeAudit } from './audit-files.ts';
import {
  type AuditFolder,
  loadAdversarial,
  loadPart,
  openAuditFolder,
  removeParts,
  savePart,
} from './audit-parts.ts';
import { assemble } from './audit-result.ts';
import { attackNames, stagesOf } from './audit-stages.ts';
import type { OpenModel } from './open-model.ts';
import { classifierOf } from './records.ts';

export { assertFree } from './audit-files.ts';

/**
 * `out` gets result.json, report.html and adversarial.npz. It must be new or empty, hold just the model, or this audit under way.
 * Clean accuracy is taken over all images, whatever the limit.
 */
export interface AuditRunOptions extends AttackRunOptions {
  readonly model: string;
  readonly threat: Threat;
  /** Names of attacks, or one of `autoattack`, `autoattack-plus`, `autoattack-rand`, `auto`. @default the cheap ones that know the norm */
  readonly attacks?: readonly string[];
  /** Forward and backward passes that each gradient is averaged over. @default 1, or as the ensemble has it */
  readonly eot?: number;
  readonly parameters?: AttackParameters;
  /** Which output of the model to read. @default the first that is a score per class */
  readonly output?: string;
  /** Seconds: images that are not attacked by then are left out of the result. @default as long as it takes */
  readonly budget?: number;
  /** What a person should know, a line each. */
  readonly onNotice?: (line: string) => void;
}

/** Radii of the ε curve, as multiples of ε. */
const CURVE = [0.25, 0.5, 0.75, 1, 1.5, 2];
/** Images that are attacked together: what an audit is resumed by. Under a budget, what it may be cut off by. */
const CHUNK = 512;
const CHUNK_UNDER_BUDGET = 64;

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
  const data = await loadData(options.data, 'test');
  const opened = await openFor(data, options.model, options);
  try {
    const { stages, why } = stagesOf(options, opened.subject.card);
    for (const line of why) options.onNotice?.(line);
    const job = prepared(options, stages, data, opened);
    const folder = options.out ? await openAuditFolder(options.out, requestOf(job)) : undefined;
    const cleanCorrect = await countCorrect(job);
    const chunks = await attackAll(job, folder, started);
    const figures = combine(chunks);
    const y = data.labels.subarray(0, figures.n);
    options.onProgress?.('checks', 0);
    const findings = await runChecks(evidenceIn(job, figures));
    const judgement = judge({
      findings,
      verification: figures.verification,
      attacks: figures.stages.map((stage, i) => ({ ...job.plan.stages[i], ...stage })),
      epsilon: options.threat.epsilon,
    });
    const seconds = (performance.now() - started) / 1000;
    const found = {
      opened,
      data,
      cleanCorrect,
      planned: job.images,
      y,
      figures,
      findings,
      judgement,
      seconds,
    };
    const result = await assemble(options, found);
    if (folder) {
      await writeAudit(folder.dir, result, figures, {
        data,
        card: opened.subject.card,
        predictor: opened.oracle,
        chunkSize: job.chunkSize,
        adversarial: (chunk) => loadAdversarial(folder, chunk),
      });
      if (figures.n === job.images) await removeParts(folder);
    }
    return result;
  } finally {
    await opened.close();
  }
}

/** Everything that is known before the first attack. */
interface Job {
  readonly options: AuditRunOptions;
  readonly data: DataSet;
  readonly opened: OpenModel;
  readonly subject: AuditSubject;
  readonly plan: AuditPlan;
  /** Images to attack. */
  readonly images: number;
  readonly chunkSize: number;
}

function prepared(options: AuditRunOptions, stages: readonly Stage[], data: DataSet, opened: OpenModel): Job {
  const { engine, threat, seed } = options;
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
    chunkSize: options.budget === undefined ? CHUNK : CHUNK_UNDER_BUDGET,
  };
}

/** All that the result depends on: another run of the same may go on where this one stopped. */
function requestOf({ options, data, opened, plan, images, chunkSize }: Job) {
  const { engine, threat, seed, preprocessing, output } = options;
  return {
    schema: 'touchstone-audit/1',
    version: packageVersion('touchstone-robustness'),
    model: opened.file.sha256,
    data: { name: data.name, split: data.split, sha256: data.sha256 },
    threat,
    stages: plan.stages,
    curve: plan.curve,
    images,
    chunkSize,
    seed,
    preprocessing: preprocessing ?? null,
    output: output ?? null,
    engine: { name: engine.name, device: engine.device, threads: engine.threads, versions: engine.versions },
  };
}

/** The chunks that are done already, then the others. */
async function attackAll(
  job: Job,
  folder: AuditFolder | undefined,
  started: number,
): Promise<ChunkSummary[]> {
  const { options, data, plan, subject, images, chunkSize } = job;
  const deadline = deadlineOf(options, started);
  const signal = AbortSignal.any([options.signal, deadline].filter((s) => s !== undefined));
  const count = Math.ceil(images / chunkSize);
  const chunks: ChunkSummary[] = [];
  for (let index = 0; index < count; index++) {
    const done = folder && (await loadPart(folder, index));
    if (done) {
      chunks.push(done);
      continue;
    }
    const from = index * chunkSize;
    const { x, y, shape } = firstImages(data, Math.min(chunkSize, images - from), from);
    const onProgress = progressOf(job, index, count);
    try {
      const chunk = { index, x: { data: x, shape }, y };
      const outcome = await auditChunk(subject, plan, chunk, { onProgress, signal });
      if (folder) await savePart(folder, outcome);
      const { adversarial: _, ...summary } = outcome;
      chunks.push(summary);
    } catch (error) {
      if (!deadline?.aborted || options.signal?.aborted) throw error;
      break;
    }
  }
  if (chunks.length > 0) return chunks;
  throw new TouchstoneError(
    'E_RANGE',
    `nothing was attacked within ${options.budget} s`,
    `a budget for ${chunkSize} images at least`,
    'allow more time, or choose fewer attacks',
  );
}

/** Set when the budget is spent, measured from the start of the run. */
function deadlineOf({ budget }: AuditRunOptions, started: number): AbortSignal | undefined {
  if (budget === undefined) return undefined;
  return AbortSignal.timeout(Math.max(0, Math.ceil(1000 * budget - (performance.now() - started))));
}

/** How far the audit is as a whole: stages count alike, whatever they cost. */
function progressOf({ options, plan, images, chunkSize }: Job, index: number, count: number) {
  const names: string[] = plan.stages.map((stage) => stage.attack);
  const last = Math.min(images, (index + 1) * chunkSize);
  const where = count > 1 ? `, images ${index * chunkSize + 1}–${last} of ${images}` : '';
  return (stage: string, fraction: number) => {
    const place = names.indexOf(stage);
    const within = ((place < 0 ? names.length : place) + fraction) / (names.length + 1);
    options.onProgress?.(`${stage}${where}`, count > 1 ? (index + within) / count : fraction);
  };
}

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

/** Of all images, by the file itself. */
async function countCorrect({ options, data, subject }: Job): Promise<number> {
  const chunk = subject.maxBatch * 4;
  let correct = 0;
  options.onProgress?.('clean accuracy', 0);
  for (let from = 0; from < data.n; from += chunk) {
    const part = firstImages(data, chunk, from);
    const labels = await predictAll(subject.oracle, part.x, part.shape, subject.maxBatch);
    for (const [i, label] of labels.entries()) if (label === part.y[i]) correct += 1;
    options.onProgress?.('clean accuracy', (from + part.y.length) / data.n);
  }
  return correct;
}
