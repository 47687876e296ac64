import { dirname, join, resolve } from 'node:path';
import fs from 'fs-extra';
import { checkLabels, type DataSet, firstImages, loadData } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  type AttackName,
  type AttackParameters,
  type AuditOutcome,
  assertFits,
  attacks,
  audit,
  engineClassifier,
  type ModelCard,
  type Oracle,
  type Preprocessing,
  predictAll,
  predictions,
  referenceOf,
  type Threat,
} from '../eval/index.ts';
import { int64, type Model } from '../graph/index.ts';
import { encodeNpz, machine, packageVersion, tool, writeFilesAtomic } from '../io/index.ts';
import { key } from '../random/index.ts';
import type { ReportExample, Result } from '../report/index.ts';
import { openModel } from './open-model.ts';
import { TRAINING_ENTRY } from './training-entry.ts';

export interface AuditRunOptions {
  readonly model: string;
  /** As `--data` takes it. */
  readonly data: string;
  readonly threat: Threat;
  /** @default all that know the norm */
  readonly attacks?: readonly string[];
  readonly parameters?: AttackParameters;
  /** Images attacked, the first ones. Clean accuracy is taken over all. @default 1000 */
  readonly limit?: number;
  /** What the model wants done to pixels in [0, 1] first. @default nothing */
  readonly preprocessing?: Preprocessing;
  /** Which output of the model to read. @default the first that is a score per class */
  readonly output?: string;
  readonly seed: number;
  readonly engine: Engine;
  /** Where result.json, report.html and adversarial.npz go. It must be new or empty, or hold just the model. */
  readonly out?: string;
  readonly commandLine: readonly string[];
  readonly onProgress?: (stage: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** How many adversarial examples a report shows. */
const SHOWN = 12;

/**
 * Audits a model file: reads everything first, so that a wrong request fails before any work, then attacks, then writes
 * all files at once.
 *
 * @throws TouchstoneError as the parts do; nothing is written then
 */
export async function auditRun(options: AuditRunOptions): Promise<Result> {
  const started = performance.now();
  const names = attackNames(options.attacks, options.threat);
  if (options.out) await assertFree(options.out, options.model);
  const { engine } = options;
  const data = await loadData(options.data, 'test');
  const opened = await openModel(options.model, {
    threads: engine.threads,
    image: data.shape,
    ...(options.output === undefined ? {} : { output: options.output }),
    ...(options.preprocessing ? { preprocessing: options.preprocessing } : {}),
  });
  try {
    const { file, subject, fixedBatch, oracle: predictor } = opened;
    const { card } = subject;
    assertFits(card.input, data.shape);
    checkLabels(data, card.classes);
    const images = firstImages(data, options.limit ?? 1000);
    const x = { data: images.x, shape: images.shape };
    const maxBatch = fixedBatch ?? 256;
    options.onProgress?.('clean accuracy', 0);
    const cleanCorrect = await countCorrect(predictor, data, maxBatch, (f) =>
      options.onProgress?.('clean accuracy', f),
    );
    const reference = referenceOf(subject.graph);
    const outcome = await audit({
      card,
      classifier: engineClassifier(engine, subject.graph, {
        classes: card.classes,
        ...(fixedBatch === undefined ? {} : { fixedBatch }),
      }),
      oracle: predictor,
      counts: engine.counts,
      x,
      y: images.y,
      threat: options.threat,
      attacks: names,
      ...(options.parameters ? { parameters: options.parameters } : {}),
      key: key(options.seed),
      maxBatch,
      ...(reference ? { reference } : {}),
      ...(fixedBatch === undefined ? {} : { fixedBatch }),
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const seconds = (performance.now() - started) / 1000;
    const result = await assemble(options, { file, card, data, cleanCorrect, y: images.y, outcome, seconds });
    if (options.out) await write(options.out, result, outcome, { x, y: images.y, data, card, predictor });
    return result;
  } finally {
    await opened.close();
  }
}

/** @throws E_OPTION for an attack that does not exist or does not know the norm */
function attackNames(wanted: readonly string[] | undefined, { norm }: Threat): AttackName[] {
  const known = Object.keys(attacks) as AttackName[];
  const able = known.filter((name) => attacks[name].norms.includes(norm));
  if (!wanted) return able;
  if (wanted.length === 0) throw new TouchstoneError('E_OPTION', 'an empty list of attacks', able.join(', '));
  return [...new Set(wanted)].map((name) => {
    const found = known.find((k) => k === name);
    if (!found) throw new TouchstoneError('E_OPTION', `unknown attack "${name}"`, known.join(', '));
    if (!able.includes(found))
      throw new TouchstoneError('E_OPTION', `attack "${name}" has no ${norm} form`, able.join(', '));
    return found;
  });
}

const sameFolder = async (a: string, b: string): Promise<boolean> =>
  (await fs.realpath(a)) === (await fs.realpath(b));

/** Metadata that a result holds elsewhere. */
const REPEATED = new Set([TRAINING_ENTRY, 'touchstone.recipe']);

const OUTPUTS = ['result.json', 'report.html', 'adversarial.npz'];

/** An output folder must not hold another audit's files. A training run's folder, with its model, may be added to. */
export async function assertFree(out: string, model?: string): Promise<void> {
  if (!(await fs.pathExists(out))) return;
  if (!(await fs.stat(out)).isDirectory())
    throw new TouchstoneError('E_FILE', `${out} is a file`, 'a folder to write to');
  const present = await fs.readdir(out);
  const beside =
    model !== undefined && (await fs.pathExists(model)) && (await sameFolder(dirname(resolve(model)), out));
  const inTheWay = beside ? present.filter((name) => OUTPUTS.includes(name)) : present;
  if (inTheWay.length > 0)
    throw new TouchstoneError(
      'E_FILE',
      `${out} already holds ${inTheWay.slice(0, 3).join(', ')}`,
      'a new folder',
      'name another with --out, or remove it',
    );
}

async function countCorrect(
  oracle: Oracle,
  data: DataSet,
  maxBatch: number,
  onProgress: (f: number) => void,
): Promise<number> {
  const chunk = Math.max(maxBatch, 1) * 4;
  let correct = 0;
  for (let from = 0; from < data.n; from += chunk) {
    const part = firstImages(data, chunk, from);
    const labels = await predictAll(oracle, part.x, part.shape, maxBatch);
    for (const [i, label] of labels.entries()) if (label === part.y[i]) correct += 1;
    onProgress((from + part.y.length) / data.n);
  }
  return correct;
}

interface Findings {
  readonly file: { readonly model: Model; readonly sha256: string; readonly bytes: number };
  readonly card: ModelCard;
  readonly data: DataSet;
  readonly cleanCorrect: number;
  readonly y: Int32Array;
  readonly outcome: AuditOutcome;
  readonly seconds: number;
}

async function assemble(options: AuditRunOptions, found: Findings): Promise<Result> {
  const [{ confidenceOf, parseResult }, { trainingOf }] = await Promise.all([
    import('../report/index.ts'), // its plots take a second to load, which a refused request need not wait for
    import('./provenance.ts'),
  ]);
  const { file, card, data, cleanCorrect, y, outcome, seconds } = found;
  const n = y.length;
  const count = (list: readonly boolean[]) => list.filter(Boolean).length;
  const correct = count(outcome.robust);
  const { verification: v, findings } = outcome;
  const result: Result = {
    schema: 'touchstone-result/1',
    tool: tool(),
    createdAt: new Date().toISOString(),
    seed: options.seed,
    commandLine: [...options.commandLine],
    model: {
      path: options.model,
      sha256: file.sha256,
      bytes: file.bytes,
      parameters: card.parameters,
      opset: card.opset,
      producer: card.producer,
      inputShape: card.input.shape.map((d) => (typeof d === 'number' && d > 0 ? d : null)),
      inputLayout: card.input.layout,
      ...(options.preprocessing
        ? { preprocessing: { mean: [...options.preprocessing.mean], std: [...options.preprocessing.std] } }
        : {}),
      classes: card.classes,
      outputKind: card.outputKind,
      metadata: Object.fromEntries(
        // The record and the recipe stand under `training`.
        [...file.model.metadata].filter(([name]) => !REPEATED.has(name)),
      ),
    },
    data: { name: data.name, split: data.split, sha256: data.sha256, n: data.n, shape: [...data.shape] },
    threat: { norm: options.threat.norm, epsilon: options.threat.epsilon, clip: [0, 1] },
    clean: { accuracy: cleanCorrect / data.n, correct: cleanCorrect, n: data.n },
    attacks: outcome.attacks.map((a) => ({
      name: a.name,
      parameters: { ...a.parameters },
      robustAccuracy: (n - count(a.broken)) / n,
      broken: count(a.broken),
      attacked: a.attacked,
      seconds: a.seconds,
      forwards: a.forwards,
      backwards: a.backwards,
      ...(a.error === undefined ? {} : { error: a.error }),
    })),
    robust: { correct, n },
    robustAccuracy: correct / n,
    confidence: confidenceOf({ correct: cleanCorrect, n: data.n }, { correct, n }),
    verifier: {
      ok: v.rejected === 0 && v.batchSizeOneMismatches === 0,
      checked: v.checked,
      rejected: v.rejected,
      maxDistance: v.maxDistance,
      tolerance: v.tolerance,
      batchSizeOneMismatches: v.batchSizeOneMismatches,
      reasons: v.reasons as Record<string, number>,
      seconds: v.seconds,
    },
    checks: findings.map(({ id, verdict, title, figures, message }) => ({
      id,
      verdict,
      title,
      figures: { ...figures },
      section: `docs/checks.md#${id}`,
      message,
    })),
    sweep: outcome.sweep.map((s) => ({ ...s })),
    training: trainingOf(file.model),
    perClass: perClass(data, y, outcome, card.classes),
    environment: {
      ...machine(),
      onnxruntime: packageVersion('onnxruntime-node'),
      threads: options.engine.threads,
      engine: options.engine.name,
      device: options.engine.device,
      packages: { ...options.engine.versions },
    },
    seconds,
  };
  return parseResult(result);
}

function perClass(data: DataSet, y: Int32Array, outcome: AuditOutcome, classes: number): Result['perClass'] {
  return Array.from({ length: classes }, (_, label) => {
    const members = Array.from(y.keys()).filter((i) => y[i] === label);
    const share = (test: (i: number) => boolean) =>
      members.length === 0 ? null : members.filter(test).length / members.length;
    return {
      label,
      name: data.classNames?.[label] ?? null,
      n: members.length,
      cleanAccuracy: share((i) => outcome.predicted[i] === label),
      robustAccuracy: share((i) => outcome.robust[i]!),
    };
  });
}

interface Pictures {
  readonly x: { readonly data: Float32Array; readonly shape: readonly number[] };
  readonly y: Int32Array;
  readonly data: DataSet;
  readonly card: ModelCard;
  readonly predictor: Oracle;
}

async function write(out: string, result: Result, outcome: AuditOutcome, pictures: Pictures): Promise<void> {
  const { x, y } = pictures;
  const integers = (values: Int32Array) => int64(Array.from(values));
  const npz = encodeNpz({
    x: { dtype: 'float32', shape: x.shape, data: x.data },
    x_adv: { dtype: 'float32', shape: x.shape, data: outcome.adversarial },
    y: integers(y),
    pred: integers(outcome.predicted),
    pred_adv: integers(outcome.predictedAdversarial),
    index: int64(Array.from(y.keys())),
  });
  const classNames = pictures.data.classNames;
  const { renderReport } = await import('../report/index.ts');
  const html = renderReport(result, {
    examples: await examples(outcome, pictures),
    ...(classNames ? { classNames } : {}),
  });
  await writeFilesAtomic(
    new Map<string, Uint8Array | string>([
      [join(out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`],
      [join(out, 'report.html'), html],
      [join(out, 'adversarial.npz'), npz],
    ]),
  );
}

/** The broken images that the model is surest about: what a reader should see first. */
async function examples(
  outcome: AuditOutcome,
  { x, y, data, card, predictor }: Pictures,
): Promise<ReportExample[]> {
  const size = x.data.length / y.length;
  const image = (from: Float32Array, i: number) => from.slice(i * size, (i + 1) * size);
  const confidence = async (values: Float32Array): Promise<number> => {
    const scores = await predictor.predict(values, [1, ...x.shape.slice(1)]);
    const [top] = predictions(scores, card.classes);
    if (card.outputKind === 'probabilities') return scores[top!]!;
    let total = 0;
    for (const s of scores) total += Math.exp(s - scores[top!]!);
    return 1 / total;
  };
  const broken = Array.from(y.keys()).filter((i) => !outcome.robust[i] && outcome.predicted[i] === y[i]);
  const rated: ReportExample[] = [];
  for (const i of broken.slice(0, 500)) {
    const [clean, adversarial] = [image(x.data, i), image(outcome.adversarial, i)];
    rated.push({
      index: i,
      label: y[i]!,
      predicted: outcome.predicted[i]!,
      adversarialPredicted: outcome.predictedAdversarial[i]!,
      cleanConfidence: await confidence(clean),
      adversarialConfidence: await confidence(adversarial),
      clean,
      adversarial,
      shape: data.shape,
    });
  }
  return rated
    .sort((a, b) => (b.adversarialConfidence ?? 0) - (a.adversarialConfidence ?? 0))
    .slice(0, SHOWN);
}
